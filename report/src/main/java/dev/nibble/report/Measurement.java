package dev.nibble.report;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// One run of the written QDQ file over the evaluation samples, against the float model.
///
/// @param optimization ONNX Runtime's graph optimization in that run: `off` or `default`
/// @param metric the task metric; absent without labels
/// @param metrics further task metrics
/// @param sqnrDb of the outputs, over all samples
/// @param klNats mean KL divergence of the output distributions
/// @param argmaxAgreement share of samples whose largest output is the same, 0 to 1
public record Measurement(
        String optimization,
        @Nullable Metric metric,
        List<Metric> metrics,
        @Nullable Double sqnrDb,
        @Nullable Double cosine,
        @Nullable Double klNats,
        @Nullable Double argmaxAgreement) {
    public Measurement {
        Values.present("optimization", optimization);
        metrics = Values.list(metrics);
        sqnrDb = Values.decibels(sqnrDb);
        cosine = Values.finite(cosine);
        klNats = Values.finite(klNats);
        argmaxAgreement = Values.finite(argmaxAgreement);
    }
}
