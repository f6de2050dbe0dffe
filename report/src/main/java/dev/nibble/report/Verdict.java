package dev.nibble.report;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What the figures amount to, in plain English. A pure function of the document.
///
/// @param sentence for the first line of the output and the head of the page
/// @param notes what limits the sentence, a sentence each
public record Verdict(Level level, String sentence, List<String> notes) {
    /// More than this share of samples lost is a collapse.
    static final double COLLAPSE_DROP = 0.20;

    /// Up to this a loss counts as small, and an interval that reaches further cannot rule a real loss out.
    static final double SMALL_DROP = 0.01;

    /// Less than this share of what the float model achieves over guessing counts as chance level.
    static final double CHANCE_SHARE = 0.1;

    /// Below this many evaluation samples the verdict says so.
    static final long FEW_SAMPLES = 200;

    /// Rules of thumb for outputs without labels: above the first the answer rarely changes, below the second often.
    static final double CLOSE_DB = 20;

    static final double FAR_DB = 10;

    public Verdict {
        notes = List.copyOf(notes);
    }

    /// From bad to good.
    public enum Level {
        /// Collapsed, or at chance level.
        BROKEN("broken"),
        /// A loss that matters.
        LOSS("loss"),
        /// A small loss that is not noise, or a figure that calls for a look.
        SMALL_LOSS("small loss"),
        /// What was measured cannot tell.
        UNKNOWN("open"),
        /// No measurable loss.
        KEPT("kept");

        private final String label;

        Level(String label) {
            this.label = label;
        }

        /// One or two words.
        public String label() {
            return label;
        }
    }

    /// The result is at chance level or collapsed, which belongs in the first line of any output.
    public boolean alarming() {
        return level == Level.BROKEN;
    }

    public static Verdict of(ResultDocument document) {
        Measurement headline = document.headline();
        Metric metric = headline.metric() == null || headline.metric().n() == 0 ? null : headline.metric();
        Judgement judgement = metric == null
                ? judgeUnlabelled(
                        document.precision(), headline, document.samples().evaluation())
                : judge(document.precision(), metric, headline.sqnrDb());
        return new Verdict(judgement.level(), judgement.sentence(), notes(document, metric));
    }

    private record Judgement(Level level, String sentence) {}

    private static Judgement judge(String precision, Metric metric, @Nullable Double sqnrDb) {
        String name = Figures.metricName(metric.name());
        Double chance = metric.chance();
        if (chance != null && atChance(metric.floatValue(), metric.floatCi95(), chance)) {
            return new Judgement(
                    Level.BROKEN,
                    "The float model itself is at chance level: " + name + " "
                            + Figures.percent(metric.floatValue()) + " where guessing gives " + Figures.percent(chance)
                            + ". Check labels and preprocessing; nothing can be said about " + precision + ".");
        }
        String figures = figures(metric);
        if (chance != null && metric.quantized() - chance < CHANCE_SHARE * (metric.floatValue() - chance)) {
            return new Judgement(
                    Level.BROKEN,
                    precision + " is at chance level: " + figures + ", where guessing gives " + Figures.percent(chance)
                            + ". This model cannot be used as it is.");
        }
        if (metric.drop() > COLLAPSE_DROP) {
            return new Judgement(
                    Level.BROKEN, precision + " has collapsed: " + figures + ". This model cannot be used as it is.");
        }
        if (sqnrDb != null && sqnrDb < Decibels.COLLAPSE) {
            return new Judgement(
                    Level.BROKEN,
                    precision + " has collapsed: its outputs have an SQNR of " + Figures.decibels(sqnrDb) + ", "
                            + figures + ".");
        }
        return judgeDrop(precision, metric, figures);
    }

    private static Judgement judgeDrop(String precision, Metric metric, String figures) {
        Interval interval = metric.ci95();
        boolean small = metric.drop() <= SMALL_DROP;
        Level loss = small ? Level.SMALL_LOSS : Level.LOSS;
        String loses = precision + (small ? " loses a little accuracy: " : " loses accuracy: ") + figures;
        String keeps = precision + " keeps accuracy: " + figures;
        if (interval == null) {
            return metric.drop() <= 0
                    ? new Judgement(Level.KEPT, keeps + ": no loss.")
                    : new Judgement(loss, loses + "; without an interval this may be noise.");
        }
        if (!interval.contains(0)) {
            return metric.drop() < 0
                    ? new Judgement(Level.KEPT, keeps + ": no loss, the difference is in its favour.")
                    : new Judgement(loss, loses + (small ? ": small, but real." : ": a real loss."));
        }
        return interval.high() <= SMALL_DROP
                ? new Judgement(Level.KEPT, keeps + ": no measurable loss.")
                : new Judgement(
                        Level.UNKNOWN,
                        precision + " shows no certain loss: " + figures
                                + "; these samples cannot rule out a loss of "
                                + (Figures.lessIsBetter(metric.name())
                                        ? Figures.signless(interval.high(), 3)
                                        : Figures.signless(interval.high() * 100, 1))
                                + Figures.metricUnit(metric.name()) + ".");
    }

    private static String figures(Metric metric) {
        Interval interval = metric.differenceCi95();
        String name = metric.name();
        return Figures.metricValue(name, metric.quantized()) + " against "
                + Figures.metricValue(name, metric.floatValue()) + " float ("
                + Figures.metricDifference(name, (Double) metric.difference()) + Figures.metricUnit(name)
                + (interval == null ? "" : ", 95 % interval " + Figures.metricDifference(name, interval))
                + ", " + Figures.count(metric.n(), "sample") + ")";
    }

    private static boolean atChance(double value, @Nullable Interval ci95, double chance) {
        return value <= chance || (ci95 != null && ci95.low() <= chance);
    }

    private static Judgement judgeUnlabelled(String precision, Measurement measured, long samples) {
        Double sqnrDb = measured.sqnrDb();
        if (sqnrDb == null || samples == 0) {
            return new Judgement(
                    Level.UNKNOWN, precision + " was written but not measured: no sample went through it.");
        }
        String figures = "SQNR " + Figures.decibels(sqnrDb)
                + (measured.cosine() == null ? "" : ", cosine " + Figures.cosine(measured.cosine()))
                + (measured.argmaxAgreement() == null
                        ? ""
                        : ", same first answer in " + Figures.percent(measured.argmaxAgreement()))
                + " (" + Figures.count(samples, "sample") + ", no labels)";
        if (sqnrDb < Decibels.COLLAPSE) {
            return new Judgement(
                    Level.BROKEN,
                    precision + " has collapsed: its outputs have little to do with the float model's, " + figures
                            + ". This model cannot be used as it is.");
        }
        if (sqnrDb < FAR_DB) {
            return new Judgement(Level.LOSS, precision + " is far from the float model: " + figures + ".");
        }
        if (sqnrDb < CLOSE_DB) {
            return new Judgement(Level.SMALL_LOSS, precision + " is not close to the float model: " + figures + ".");
        }
        return new Judgement(Level.UNKNOWN, precision + " stays close to the float model: " + figures + ".");
    }

    private static List<String> notes(ResultDocument document, @Nullable Metric metric) {
        List<String> notes = new ArrayList<>();
        Samples samples = document.samples();
        if (samples.evaluation() > 0 && samples.evaluatedOnCalibration()) {
            notes.add("Measured on calibration samples, which set the ranges: expect a little less on new ones."
                    + " Name others with --eval-data.");
        }
        if (samples.evaluation() > 0 && metric == null) {
            notes.add("There are no labels, so accuracy was not measured; the figures say how close the outputs are to"
                    + " the float model's. Give --labels to measure accuracy.");
        }
        if (samples.evaluation() > 0 && samples.evaluation() < FEW_SAMPLES) {
            notes.add("Only " + Figures.count(samples.evaluation(), "sample") + ": too few to see small losses.");
        }
        Measurement other = document.defaultOptimization();
        if (metric != null && other != null && other.metric() != null) {
            double difference = other.metric().quantized() - metric.quantized();
            if (Math.abs(difference) > SMALL_DROP / 2) {
                String name = metric.name();
                notes.add("With ONNX Runtime's default graph optimization the same file gives "
                        + Figures.metricValue(name, other.metric().quantized()) + " ("
                        + Figures.metricDifference(name, (Double) difference) + Figures.metricUnit(name)
                        + "): its fused kernels compute differently.");
            }
        }
        return notes;
    }
}
