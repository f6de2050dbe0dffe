package dev.nibble.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.report.Verdict.Level;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class VerdictTest {
    private static final Samples ENOUGH = new Samples(512, 5000, false, true, null, null);

    private static Verdict of(Samples samples, Measurement headline, @Nullable Measurement other) {
        return ResultDocument.builder("0", new ModelInfo("m.onnx", "0", 13, null, null, null), "sm8650", "W8A8")
                .samples(samples)
                .headline(headline)
                .defaultOptimization(other)
                .timings(new Timings(0, 0, 0, 0, 0))
                .reproduce(new Reproduce("", 0, java.util.Map.of()))
                .machine(new Machine("", "", null, 1, 1, null, ""))
                .build()
                .verdict();
    }

    private static Measurement top1(double floatValue, double quantized, @Nullable Interval ci95, long n) {
        return measured(Metric.of("top1", floatValue, quantized, ci95, n), 30.0);
    }

    private static Measurement measured(@Nullable Metric metric, @Nullable Double sqnrDb) {
        return new Measurement("off", metric, List.of(), sqnrDb, 0.9996, null, metric == null ? 0.99 : null);
    }

    private static void assertVerdict(Level level, String sentence, Verdict verdict) {
        assertEquals(sentence, verdict.sentence());
        assertEquals(level, verdict.level());
    }

    @Test
    void noiseIsNotTakenForALoss() {
        Verdict verdict = of(ENOUGH, top1(0.9173, 0.9170, new Interval(-0.0015, 0.0021), 5000), null);
        assertVerdict(
                Level.KEPT,
                "W8A8 keeps accuracy: 91.70 % against 91.73 % float (−0.03 points, 95 % interval −0.21 … +0.15, 5,000"
                        + " samples): no measurable loss.",
                verdict);
        assertEquals(List.of(), verdict.notes());
    }

    @Test
    void aGainThatIsRealIsNotPromised() {
        assertVerdict(
                Level.KEPT,
                "W8A8 keeps accuracy: 93.58 % against 93.39 % float (+0.19 points, 95 % interval +0.05 … +0.33, 10,000"
                        + " samples): no loss, the difference is in its favour.",
                of(ENOUGH, top1(0.9339, 0.9358, new Interval(-0.0033, -0.0005), 10_000), null));
    }

    @Test
    void aSmallRealLossIsCalledSo() {
        assertVerdict(
                Level.SMALL_LOSS,
                "W8A8 loses a little accuracy: 91.28 % against 91.73 % float (−0.45 points, 95 % interval −0.70 … −0.20,"
                        + " 5,000 samples): small, but real.",
                of(ENOUGH, top1(0.9173, 0.9128, new Interval(0.0020, 0.0070), 5000), null));
    }

    @Test
    void aLoss() {
        assertVerdict(
                Level.LOSS,
                "W8A8 loses accuracy: 74.29 % against 80.29 % float (−6.00 points, 95 % interval −7.90 … −4.10, 700"
                        + " samples): a real loss.",
                SampleDocuments.degraded().verdict());
    }

    @Test
    void aWideIntervalProvesNothing() {
        assertVerdict(
                Level.UNKNOWN,
                "W8A8 shows no certain loss: 79.00 % against 80.29 % float (−1.29 points, 95 % interval −2.80 … +0.20,"
                        + " 700 samples); these samples cannot rule out a loss of 2.8 points.",
                of(ENOUGH, top1(0.8029, 0.7900, new Interval(-0.0020, 0.0280), 700), null));
    }

    @Test
    void chanceLevelIsAnnouncedWithWhatGuessingGives() {
        Verdict verdict = SampleDocuments.collapsed().verdict();
        assertVerdict(
                Level.BROKEN,
                "W4A8 is at chance level: 0.14 % against 80.29 % float (−80.15 points, 95 % interval −83.00 … −77.00,"
                        + " 700 samples), where guessing gives 0.10 %. This model cannot be used as it is.",
                verdict);
        assertTrue(verdict.alarming());
    }

    @Test
    void chanceIsJudgedByWhatIsLeftOfTheMargin() {
        // Two classes: 54 % keeps 4 of 45 points over guessing, less than a tenth; 56 % keeps 6.
        Metric metric =
                Metric.of("top1", 0.95, 0.54, new Interval(0.38, 0.44), 2000).withChance(0.5);
        assertTrue(of(ENOUGH, measured(metric, 8.0), null).sentence().startsWith("W8A8 is at chance level"));
        metric = Metric.of("top1", 0.95, 0.56, new Interval(0.36, 0.42), 2000).withChance(0.5);
        assertTrue(of(ENOUGH, measured(metric, 8.0), null).sentence().startsWith("W8A8 has collapsed"));
    }

    @Test
    void aFloatModelAtChancePutsTheBlameOnTheData() {
        Metric metric = new Metric(
                "top1",
                0.104,
                0.103,
                0.001,
                new Interval(-0.01, 0.01),
                1000,
                new Interval(0.087, 0.124),
                null,
                null,
                0.1);
        assertVerdict(
                Level.BROKEN,
                "The float model itself is at chance level: top-1 accuracy 10.40 % where guessing gives 10.00 %. Check"
                        + " labels and preprocessing; nothing can be said about W8A8.",
                of(ENOUGH, measured(metric, 30.0), null));
    }

    @Test
    void moreThanTwentyPointsLostIsACollapseAndTwentyAreALoss() {
        assertEquals(
                Level.BROKEN, of(ENOUGH, top1(0.80, 0.59, null, 5000), null).level());
        assertEquals(Level.LOSS, of(ENOUGH, top1(0.80, 0.61, null, 5000), null).level());
    }

    @Test
    void outputsDrownedInNoiseAreACollapseWhateverTheLabelsSay() {
        Metric metric = Metric.of("top1", 0.9, 0.9, new Interval(-0.001, 0.001), 5000);
        assertTrue(of(ENOUGH, measured(metric, 4.9), null)
                .sentence()
                .startsWith("W8A8 has collapsed: its outputs have an SQNR of 4.9 dB"));
        assertEquals(Level.KEPT, of(ENOUGH, measured(metric, 5.0), null).level());
    }

    @Test
    void withoutLabelsClosenessIsReportedAndAccuracyWithheld() {
        Verdict verdict = of(new Samples(300, 300, false, false, null, null), measured(null, 31.7), null);
        assertVerdict(
                Level.UNKNOWN,
                "W8A8 stays close to the float model: SQNR 31.7 dB, cosine 0.99960, same first answer in 99.00 % (300"
                        + " samples, no labels).",
                verdict);
        assertEquals(1, verdict.notes().size());
        assertTrue(verdict.notes().getFirst().startsWith("There are no labels, so accuracy was not measured"));
    }

    @Test
    void withoutLabelsTheNoiseDecides() {
        Samples samples = new Samples(300, 300, false, false, null, null);
        assertEquals(Level.UNKNOWN, of(samples, measured(null, 20.0), null).level());
        assertEquals(Level.SMALL_LOSS, of(samples, measured(null, 19.9), null).level());
        assertEquals(Level.LOSS, of(samples, measured(null, 9.9), null).level());
        assertEquals(Level.BROKEN, of(samples, measured(null, 4.9), null).level());
    }

    @Test
    void nothingMeasuredIsSaid() {
        assertVerdict(
                Level.UNKNOWN,
                "W8A8 was written but not measured: no sample went through it.",
                SampleDocuments.bare().verdict());
        assertEquals(List.of(), SampleDocuments.bare().verdict().notes());
    }

    @Test
    void measuringOnCalibrationSamplesIsSaid() {
        Verdict verdict = of(
                new Samples(256, 256, true, true, null, null), top1(0.9, 0.9, new Interval(-0.005, 0.005), 256), null);
        assertTrue(
                verdict.notes().getFirst().startsWith("Measured on calibration samples"),
                verdict.notes().toString());
    }

    @Test
    void fewSamplesAreSaid() {
        Verdict verdict = of(
                new Samples(500, 199, false, true, null, null), top1(0.9, 0.9, new Interval(-0.02, 0.02), 199), null);
        assertEquals(List.of("Only 199 samples: too few to see small losses."), verdict.notes());
    }

    @Test
    void defaultOptimizationIsMentionedOnlyWhereItDiffers() {
        Measurement headline = top1(0.9, 0.85, new Interval(0.04, 0.06), 5000);
        assertEquals(
                List.of(), of(ENOUGH, headline, top1(0.9, 0.8451, null, 5000)).notes());
        Verdict verdict = of(ENOUGH, headline, top1(0.9, 0.8363, null, 5000));
        assertTrue(
                verdict.notes().getFirst().contains("the same file gives 83.63 % (−1.37 points)"),
                verdict.notes().toString());
        assertFalse(verdict.alarming());
    }
}
