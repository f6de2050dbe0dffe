package dev.nibble.report;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// The outcome of `evaluate`. Accuracies are fractions, 0 to 1.
///
/// @param metric name of the first metric
/// @param value of the model
/// @param ci95 with a reference of `difference`, paired; else of `value`
/// @param reference value of the reference model; absent without one
/// @param difference `value − reference`: negative is a loss
/// @param valueCi95 of `value` alone
/// @param on `cpu` or `htp`
/// @param optimization ONNX Runtime's graph optimization: `off` or `default`
/// @param others further metrics of the same run
/// @param generated what the model and the reference write; absent where the task is another, or nothing was written
/// @param evaluateSeconds wall time
public record EvaluateDocument(
        int schemaVersion,
        String nibble,
        ModelInfo model,
        String metric,
        @Nullable Double value,
        long n,
        @Nullable Interval ci95,
        @Nullable Double reference,
        @Nullable Double difference,
        @Nullable Interval valueCi95,
        String on,
        String optimization,
        List<Entry> others,
        @Nullable GeneratedText generated,
        List<Finding> findings,
        @Nullable Double evaluateSeconds)
        implements Document {
    public EvaluateDocument {
        Values.present("nibble", nibble);
        Values.present("model", model);
        Values.present("metric", metric);
        Values.present("on", on);
        Values.present("optimization", optimization);
        Values.nonNegative("n", n);
        value = Values.finite(value);
        reference = Values.finite(reference);
        difference = Values.finite(difference);
        others = Values.list(others);
        findings = Values.list(findings);
        evaluateSeconds = Values.finite(evaluateSeconds);
    }

    /// One more figure; components as above.
    public record Entry(
            String metric,
            @Nullable Double value,
            long n,
            @Nullable Interval ci95,
            @Nullable Double reference,
            @Nullable Double difference,
            String optimization) {
        public Entry {
            Values.present("others[].metric", metric);
            Values.present("others[].optimization", optimization);
            value = Values.finite(value);
            reference = Values.finite(reference);
            difference = Values.finite(difference);
        }

        /// With graph optimization off.
        public Entry(
                String metric,
                @Nullable Double value,
                long n,
                @Nullable Interval ci95,
                @Nullable Double reference,
                @Nullable Double difference) {
            this(metric, value, n, ci95, reference, difference, "off");
        }
    }
}
