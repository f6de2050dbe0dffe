package dev.nibble.report;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The outcome of `quantize`: what `report.json` holds and `report.html` shows.
///
/// @param nibble version
/// @param target SoC or target file
/// @param precision weights first, e.g. `W8A8`
/// @param options as resolved: texts, numbers, booleans and lists of these, in the order to show them
/// @param metric headline, from the written file with graph optimization off; absent without labels
/// @param metrics further task metrics of the same run
/// @param optimization of the headline figures: `off`
/// @param defaultOptimization the same file with ONNX Runtime's default optimization, `default` in JSON
/// @param layers in topological order
/// @param histograms of the worst tensors, worst first
/// @param masks of attention that were found, in the graph's order
/// @param skipped what was not quantized or not fused
/// @param passes in the order in which they ran
/// @param ladder plain rounding, then the recipe step by step; empty where that was not asked for
/// @param channelRanges of the weight whose channels differed most before they were prepared; absent where none were
/// @param generated what the float and the quantized model write; absent where the task is another, or nothing was written
/// @param assumptions what was taken for granted, a sentence each
/// @param badges where the numbers of a field come from, by the field's name (`metric`, `tensors.sqnrDb`, …)
/// @param next best first
public record ResultDocument(
        int schemaVersion,
        String nibble,
        ModelInfo model,
        String target,
        String precision,
        Map<String, Object> options,
        Samples samples,
        @Nullable Metric metric,
        List<Metric> metrics,
        @Nullable Double sqnrDb,
        @Nullable Double cosine,
        @Nullable Double klNats,
        @Nullable Double argmaxAgreement,
        String optimization,
        @JsonProperty("default") @Nullable Measurement defaultOptimization,
        List<TensorRow> tensors,
        List<LayerError> layers,
        List<TensorHistogram> histograms,
        List<AttentionMask> masks,
        List<Skipped> skipped,
        List<PassRecord> passes,
        List<LadderRung> ladder,
        @Nullable ChannelRanges channelRanges,
        List<Finding> findings,
        List<FileRecord> files,
        List<SamplePicture> pictures,
        @Nullable GeneratedText generated,
        Timings timings,
        @Nullable Long peakRssBytes,
        Reproduce reproduce,
        Machine machine,
        List<String> assumptions,
        Map<String, Badge> badges,
        List<NextStep> next)
        implements Document {
    public ResultDocument {
        Values.present("nibble", nibble);
        Values.present("model", model);
        Values.present("target", target);
        Values.present("precision", precision);
        Values.present("samples", samples);
        Values.present("optimization", optimization);
        Values.present("timings", timings);
        Values.present("reproduce", reproduce);
        Values.present("machine", machine);
        options = Values.map(options);
        metrics = Values.list(metrics);
        sqnrDb = Values.decibels(sqnrDb);
        cosine = Values.finite(cosine);
        klNats = Values.finite(klNats);
        argmaxAgreement = Values.finite(argmaxAgreement);
        tensors = Values.list(tensors);
        layers = Values.list(layers);
        histograms = Values.list(histograms);
        masks = Values.list(masks);
        skipped = Values.list(skipped);
        passes = Values.list(passes);
        ladder = Values.list(ladder);
        findings = Values.list(findings);
        files = Values.list(files);
        pictures = Values.list(pictures);
        assumptions = Values.list(assumptions);
        badges = Values.map(badges);
        next = Values.list(next);
    }

    /// The headline figures, in the form of [#defaultOptimization()].
    public Measurement headline() {
        return new Measurement(optimization, metric, metrics, sqnrDb, cosine, klNats, argmaxAgreement);
    }

    /// What the figures amount to.
    public Verdict verdict() {
        return Verdict.of(this);
    }

    /// Starts a document of this build's schema version.
    public static ResultDocumentBuilder builder(String nibble, ModelInfo model, String target, String precision) {
        return new ResultDocumentBuilder(nibble, model, target, precision);
    }
}
