package dev.nibble.pipeline.measure;

import dev.nibble.data.metric.Comparison;
import dev.nibble.data.metric.MetricResult;
import dev.nibble.data.metric.OutputComparison;
import dev.nibble.data.metric.TaskMetric;
import dev.nibble.report.Figures;
import dev.nibble.report.Interval;
import dev.nibble.report.Measurement;
import dev.nibble.report.Metric;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What was measured, in the form of the result document.
public final class Measurements {
    private Measurements() {}

    /// The figures of `measured` against `reference`, paired sample by sample.
    ///
    /// @param optimization `off` or `default`
    /// @param classes what the model tells apart; −1 where that is not known
    public static Measurement of(
            Evaluation.Outcome reference, Evaluation.Outcome measured, String optimization, long classes) {
        List<Metric> metrics = new ArrayList<>();
        for (int i = 0; i < measured.metrics().size(); i++) {
            metrics.add(metric(reference.metrics().get(i), measured.metrics().get(i), classes));
        }
        OutputComparison outputs = measured.headline();
        boolean answers = TaskMetrics.answersByLargest(reference.variant().model());
        return new Measurement(
                optimization,
                metrics.isEmpty() ? null : metrics.getFirst(),
                metrics.size() < 2 ? List.of() : metrics.subList(1, metrics.size()),
                outputs.sqnrDb().value(),
                outputs.cosine().value(),
                answers ? outputs.klNats().value() : null,
                answers ? outputs.argmaxAgreement().value() : null);
    }

    private static Metric metric(TaskMetric reference, TaskMetric measured, long classes) {
        Comparison comparison = Comparison.of(measured.name(), reference.scores(), measured.scores());
        boolean less = Figures.lessIsBetter(measured.name());
        // A comparison is quantized less float; a drop is what was lost.
        Interval change = interval(comparison.ci95());
        return new Metric(
                measured.name(),
                comparison.reference(),
                comparison.value(),
                less ? comparison.difference() : 0 - comparison.difference(),
                change == null || less ? change : change.negated(),
                comparison.n(),
                interval(reference.result()),
                interval(measured.result()),
                comparison.pValue(),
                chance(measured.name(), classes));
    }

    /// What guessing gives: `k` of the classes; nothing for texts, where guessing gives next to none.
    private static @Nullable Double chance(String metric, long classes) {
        if (classes < 2 || !metric.startsWith("top")) {
            return null;
        }
        return Math.min(1, Double.parseDouble(metric.substring("top".length())) / classes);
    }

    private static @Nullable Interval interval(MetricResult result) {
        return interval(result.ci95());
    }

    private static @Nullable Interval interval(dev.nibble.data.metric.Interval interval) {
        return Interval.orNull(interval.low(), interval.high());
    }
}
