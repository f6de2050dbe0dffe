package dev.nibble.pipeline;

import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.data.metric.Comparison;
import dev.nibble.data.metric.MetricResult;
import dev.nibble.data.metric.OutputComparison;
import dev.nibble.data.metric.TaskMetric;
import dev.nibble.graph.Executor;
import dev.nibble.graph.NibbleException;
import dev.nibble.htp.HtpExecutor;
import dev.nibble.htp.KnownDepartures;
import dev.nibble.pipeline.htp.HtpDevice;
import dev.nibble.pipeline.measure.Evaluation;
import dev.nibble.pipeline.measure.TaskMetrics;
import dev.nibble.pipeline.measure.Variant;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.report.Decibels;
import dev.nibble.report.Document;
import dev.nibble.report.EvaluateDocument;
import dev.nibble.report.EvaluateDocument.Entry;
import dev.nibble.report.Figures;
import dev.nibble.report.Finding;
import dev.nibble.report.GeneratedText;
import dev.nibble.report.Interval;
import dev.nibble.run.OrtExecutor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// `evaluate`: how good a model is on samples, alone or beside a reference on the same samples.
///
/// The headline is measured with graph optimization off: the file's own arithmetic. What ONNX Runtime makes of the file
/// by default stands beside it.
public final class Evaluate {
    /// Samples that are measured at once: larger batches are no faster, and cost memory.
    private static final int BATCH = 8;

    /// More than this share of samples lost is a collapse.
    private static final double COLLAPSE_DROP = 0.20;

    /// Less than this share of what the reference achieves over guessing counts as chance level.
    private static final double CHANCE_SHARE = 0.1;

    private final Options options;
    private final List<Finding> findings = new ArrayList<>();
    private final List<Entry> entries = new ArrayList<>();

    /// Everything `evaluate` is told.
    ///
    /// @param reference the model to compare with on the same samples
    /// @param shapes shapes of inputs, by name
    /// @param metric see [TaskMetrics#NAMES]
    /// @param generate tokens that a language model writes after each prompt, see [GenerateText]
    /// @param memory what the samples of a batch and their values may take
    /// @param htp where to run the model beside the CPU; empty: on the CPU only
    /// @param version of Nibble, for the document
    public record Options(
            Path model,
            Optional<Path> reference,
            QuantizeOptions.Samples data,
            Map<String, long[]> shapes,
            String metric,
            OptionalInt generate,
            int threads,
            MemoryBudget memory,
            Optional<HtpDevice> htp,
            String version) {}

    private Evaluate(Options options) {
        this.options = options;
    }

    /// Measures.
    /// @throws NibbleException for whatever the user can mend; also where there is nothing to measure: neither labels
    ///     nor a reference
    public static EvaluateDocument run(Options options, Progress progress) {
        try {
            return new Evaluate(options).document(progress);
        } catch (NibbleException e) {
            throw SequenceLength.explained(e, options.model(), options.shapes(), List.of(options.data()));
        }
    }

    private EvaluateDocument document(Progress progress) {
        long start = System.nanoTime();
        ModelFile model = ModelFile.toRun(options.model(), options.shapes());
        ModelFile reference = options.reference()
                .map(file -> ModelFile.toRun(file, options.shapes()))
                .orElse(null);
        Evaluation.floatOutputs(model.model());
        List<Variant> variants = new ArrayList<>();
        if (reference != null) {
            variants.add(new Variant("reference", reference.model(), Executor.Optimization.OFF));
        }
        variants.add(new Variant("off", model.model(), Executor.Optimization.OFF));
        Optional<HtpExecutor> htp = options.htp().map(device -> device.executor(options.threads()));
        variants.add(
                htp.isPresent()
                        ? new Variant(HtpDevice.NAME, model.model(), Executor.Optimization.OFF, Optional.of(htp.get()))
                        : new Variant("default", model.model(), Executor.Optimization.DEFAULT));
        long samples;
        Doctor doctor = new Doctor();
        try (DataSet data =
                DataSet.open(options.data().path(), options.data().options(), PreparedModel.inputs(model.model()))) {
            Supplier<List<TaskMetric>> metrics = TaskMetrics.choose(options.metric(), model.model(), data);
            if (metrics.get().isEmpty() && reference == null) {
                throw new NibbleException(
                        "there is nothing to measure: the samples have no labels, and there is no reference",
                        "give --labels FILE, or --reference FLOAT.onnx to compare the outputs");
            }
            OrtExecutor executor = new OrtExecutor();
            Integer given = data.options().batch();
            int batch = given == null
                    ? Math.max(
                            Evaluation.batch(variants, data, options.memory(), BATCH, executor),
                            htp.map(HtpExecutor::children).orElse(1))
                    : given;
            List<Evaluation.Outcome> outcomes =
                    Evaluation.of(variants, data, metrics, executor, options.threads(), batch, doctor, progress);
            samples = data.size();
            if (reference != null && htp.isEmpty()) {
                GenerateText how = new GenerateText(
                        options.generate(),
                        data,
                        batch,
                        executor,
                        new Executor.Options(options.threads(), Executor.Optimization.OFF),
                        progress,
                        findings::add);
                generated = GenerateText.of(how, metrics.get(), reference.model(), model.model())
                        .orElse(null);
            } else if (options.generate().orElse(0) > 0) {
                throw new NibbleException(
                        "--generate compares with what a reference writes, on the CPU",
                        "give --reference FLOAT.onnx, and leave --on htp away");
            }
            data.findings().forEach(finding -> findings.add(Findings.of(finding)));
            int first = reference == null ? 0 : 1;
            List<Evaluation.Outcome> measured = outcomes.subList(first, outcomes.size());
            for (Evaluation.Outcome outcome : htp.isPresent() ? measured.reversed() : measured) {
                entries(reference == null ? null : outcomes.getFirst(), outcome);
                if (!outcome.before().isEmpty()) {
                    outcome.before().values().iterator().next().results().stream()
                            .map(figure -> entry(renamed(figure), HtpDevice.NAME))
                            .forEach(entries::add);
                }
            }
        }
        doctor.findings().forEach(finding -> findings.add(Findings.of(finding)));
        findings.addAll(model.findings());
        Entry headline = entries.getFirst();
        double seconds = (System.nanoTime() - start) / 1e9;
        if (htp.isPresent()) {
            findings.add(Findings.note(
                    "H101",
                    "%s's figures are of Qualcomm's emulator, not of a device; %s samples a second"
                            .formatted(options.htp().orElseThrow().target().name(), Figures.number(samples / seconds)),
                    "--eval-take and --take N measure on fewer samples"));
            KnownDepartures.of(model.model().graph())
                    .forEach((node, cause) -> findings.add(Findings.warning(
                            "H102", "node '%s': %s".formatted(node, cause), "look at it with compare --on htp")));
        }
        alarm(headline, TaskMetrics.classes(model.model()));
        return new EvaluateDocument(
                Document.SCHEMA_VERSION,
                options.version(),
                model.info(),
                headline.metric(),
                headline.value(),
                headline.n(),
                headline.ci95(),
                headline.reference(),
                headline.difference(),
                valueInterval,
                htp.isPresent() ? HtpDevice.NAME : "cpu",
                headline.optimization(),
                entries.subList(1, entries.size()),
                generated,
                findings,
                seconds);
    }

    /// Of the headline, for the model alone and for the reference alone.
    private @Nullable Interval valueInterval;

    private @Nullable Interval referenceInterval;

    private @Nullable GeneratedText generated;

    private void entries(Evaluation.@Nullable Outcome reference, Evaluation.Outcome outcome) {
        String optimization = outcome.variant().name();
        for (int i = 0; i < outcome.metrics().size(); i++) {
            TaskMetric metric = outcome.metrics().get(i);
            MetricResult alone = metric.result();
            if (entries.isEmpty()) {
                valueInterval = interval(alone.ci95());
            }
            if (reference == null) {
                entries.add(entry(alone, optimization));
            } else {
                if (entries.isEmpty()) {
                    referenceInterval =
                            interval(reference.metrics().get(i).result().ci95());
                }
                Comparison pair =
                        Comparison.of(metric.name(), reference.metrics().get(i).scores(), metric.scores());
                entries.add(new Entry(
                        metric.name(),
                        pair.value(),
                        pair.n(),
                        interval(pair.ci95()),
                        pair.reference(),
                        pair.difference(),
                        optimization));
            }
        }
        if (reference != null) {
            OutputComparison outputs = outcome.headline();
            for (MetricResult figure : outputs.results()) {
                if (entries.isEmpty()) {
                    valueInterval = interval(figure.ci95());
                }
                entries.add(entry(figure, optimization));
            }
            if (outcome.outputs().size() > 1 && optimization.equals("off")) {
                findings.add(Findings.note(
                        "M101",
                        "the model has %d float outputs; these figures are of '%s'"
                                .formatted(
                                        outcome.outputs().size(),
                                        outcome.outputs().keySet().iterator().next()),
                        "cut the model to measure another"));
            }
        }
    }

    /// A figure of the HTP against the CPU.
    private static MetricResult renamed(MetricResult figure) {
        return new MetricResult(HtpDevice.AGAINST_CPU + figure.name(), figure.value(), figure.n(), figure.ci95());
    }

    private static Entry entry(MetricResult figure, String optimization) {
        double value = figure.value() == Double.POSITIVE_INFINITY ? Decibels.EXACT : figure.value();
        return new Entry(figure.name(), value, figure.n(), interval(figure.ci95()), null, null, optimization);
    }

    /// Says first what nobody should overlook.
    private void alarm(Entry headline, long classes) {
        Double value = headline.value();
        String figure = Figures.metricName(headline.metric()) + " " + Figures.metricValue(headline.metric(), value);
        if (headline.metric().startsWith("top") && classes >= 2 && value != null) {
            double chance = Math.min(1, Double.parseDouble(headline.metric().substring(3)) / classes);
            Double reference = headline.reference();
            if (reference != null && referenceInterval != null && referenceInterval.low() <= chance && chance < 1) {
                findings.addFirst(Findings.error(
                        "E104",
                        "the reference itself is at chance level: %s, where guessing gives %s"
                                .formatted(Figures.percent(reference), Figures.percent(chance)),
                        "check labels and preprocessing (--scale, --mean, --std, --layout)"));
                return;
            }
            boolean guessing = value <= chance
                    || valueInterval != null && valueInterval.low() <= chance
                    || reference != null && value - chance < CHANCE_SHARE * (reference - chance);
            if (chance < 1 && guessing) {
                findings.addFirst(Findings.error(
                        "E101",
                        "the model is at chance level: %s, where guessing gives %s"
                                .formatted(figure, Figures.percent(chance)),
                        reference == null
                                ? "check labels and preprocessing (--scale, --mean, --std, --layout)"
                                : "do not ship this model; quantize it with more bits or other ranges"));
                return;
            }
        }
        Double difference = headline.difference();
        boolean less = Figures.lessIsBetter(headline.metric());
        if (difference != null && (less ? difference : -difference) > COLLAPSE_DROP) {
            findings.addFirst(Findings.error(
                    "E102",
                    "the model has collapsed: %s against %s of the reference"
                            .formatted(figure, Figures.metricValue(headline.metric(), headline.reference())),
                    "'nibble compare' names the layers where it happens"));
            return;
        }
        Double sqnrDb = value("sqnrDb");
        if (sqnrDb != null && sqnrDb < Decibels.COLLAPSE) {
            findings.addFirst(Findings.error(
                    "E103",
                    "the outputs have collapsed: their SQNR is %s".formatted(Figures.decibels(sqnrDb)),
                    "'nibble compare' names the layers where it happens"));
        }
    }

    private @Nullable Double value(String metric) {
        return entries.stream()
                .filter(e -> e.metric().equals(metric))
                .findFirst()
                .map(Entry::value)
                .orElse(null);
    }

    /// The gates that the figures of `document` do not hold.
    public static List<String> failures(Gates gates, EvaluateDocument document) {
        Double difference = document.difference();
        return gates.failures(
                difference == null ? null : 0 - difference, figure(document, "sqnrDb"), figure(document, "cosine"));
    }

    private static @Nullable Double figure(EvaluateDocument document, String metric) {
        if (document.metric().equals(metric)) {
            return document.value();
        }
        return document.others().stream()
                .filter(e -> e.metric().equals(metric) && e.optimization().equals(document.optimization()))
                .findFirst()
                .map(Entry::value)
                .orElse(null);
    }

    private static @Nullable Interval interval(dev.nibble.data.metric.Interval interval) {
        return Interval.orNull(interval.low(), interval.high());
    }
}
