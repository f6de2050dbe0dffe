package dev.nibble.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Gathers a [ResultDocument] stage by stage. What is not set stays absent or empty; the samples, timings, machine
/// and reproduce line must be set.
public final class ResultDocumentBuilder {
    private final String nibble;
    private final ModelInfo model;
    private final String target;
    private final String precision;
    private final Map<String, Object> options = new LinkedHashMap<>();
    private @Nullable Samples samples;
    private Measurement headline = new Measurement("off", null, List.of(), null, null, null, null);
    private @Nullable Measurement defaultOptimization;
    private final List<TensorRow> tensors = new ArrayList<>();
    private final List<LayerError> layers = new ArrayList<>();
    private final List<TensorHistogram> histograms = new ArrayList<>();
    private final List<AttentionMask> masks = new ArrayList<>();
    private final List<Skipped> skipped = new ArrayList<>();
    private final List<PassRecord> passes = new ArrayList<>();
    private final List<Finding> findings = new ArrayList<>();
    private final List<FileRecord> files = new ArrayList<>();
    private final List<SamplePicture> pictures = new ArrayList<>();
    private @Nullable GeneratedText generated;
    private @Nullable Timings timings;
    private @Nullable Long peakRssBytes;
    private @Nullable Reproduce reproduce;
    private @Nullable Machine machine;
    private final List<LadderRung> ladder = new ArrayList<>();
    private @Nullable ChannelRanges channelRanges;
    private final List<String> assumptions = new ArrayList<>();
    private final Map<String, Badge> badges = new LinkedHashMap<>();
    private final List<NextStep> next = new ArrayList<>();

    ResultDocumentBuilder(String nibble, ModelInfo model, String target, String precision) {
        this.nibble = nibble;
        this.model = model;
        this.target = target;
        this.precision = precision;
        badges.put("metric", Badge.MEASURED);
        badges.put("sqnrDb", Badge.MEASURED);
        badges.put("layers", Badge.MEASURED);
        badges.put("tensors.sqnrDb", Badge.ESTIMATED);
        badges.put("histograms", Badge.MEASURED);
        badges.put("masks", Badge.MEASURED);
        badges.put("timings", Badge.MEASURED);
        badges.put("peakRssBytes", Badge.MEASURED);
    }

    /// @param value a text, number, boolean or a list of these
    public ResultDocumentBuilder option(String name, Object value) {
        if (!plain(value)) {
            throw new IllegalArgumentException(
                    "option " + name + " must be a text, number, boolean or a list of these, but was "
                            + value.getClass().getName());
        }
        options.put(name, value);
        return this;
    }

    private static boolean plain(Object value) {
        return value instanceof String
                || value instanceof Number
                || value instanceof Boolean
                || value instanceof List<?> list && list.stream().allMatch(ResultDocumentBuilder::plain);
    }

    public ResultDocumentBuilder samples(Samples value) {
        samples = value;
        return this;
    }

    /// The figures with graph optimization off.
    public ResultDocumentBuilder headline(Measurement value) {
        headline = value;
        return this;
    }

    /// The figures with ONNX Runtime's default optimization.
    public ResultDocumentBuilder defaultOptimization(@Nullable Measurement value) {
        defaultOptimization = value;
        return this;
    }

    public ResultDocumentBuilder tensors(List<TensorRow> values) {
        tensors.addAll(values);
        return this;
    }

    /// In topological order.
    public ResultDocumentBuilder layers(List<LayerError> values) {
        layers.addAll(values);
        return this;
    }

    /// Of the worst tensors, worst first.
    public ResultDocumentBuilder histograms(List<TensorHistogram> values) {
        histograms.addAll(values);
        return this;
    }

    public ResultDocumentBuilder masks(List<AttentionMask> values) {
        masks.addAll(values);
        return this;
    }

    public ResultDocumentBuilder skipped(List<Skipped> values) {
        skipped.addAll(values);
        return this;
    }

    /// In order, the last one the whole recipe.
    public ResultDocumentBuilder ladder(List<LadderRung> values) {
        ladder.addAll(values);
        return this;
    }

    public ResultDocumentBuilder channelRanges(ChannelRanges value) {
        channelRanges = value;
        return this;
    }

    public ResultDocumentBuilder passes(List<PassRecord> values) {
        passes.addAll(values);
        return this;
    }

    public ResultDocumentBuilder finding(Finding value) {
        findings.add(value);
        return this;
    }

    public ResultDocumentBuilder findings(List<Finding> values) {
        findings.addAll(values);
        return this;
    }

    public ResultDocumentBuilder files(List<FileRecord> values) {
        files.addAll(values);
        return this;
    }

    public ResultDocumentBuilder pictures(List<SamplePicture> values) {
        pictures.addAll(values);
        return this;
    }

    public ResultDocumentBuilder generated(GeneratedText value) {
        generated = value;
        return this;
    }

    public ResultDocumentBuilder timings(Timings value) {
        timings = value;
        return this;
    }

    public ResultDocumentBuilder peakRssBytes(@Nullable Long value) {
        peakRssBytes = value;
        return this;
    }

    public ResultDocumentBuilder reproduce(Reproduce value) {
        reproduce = value;
        return this;
    }

    public ResultDocumentBuilder machine(Machine value) {
        machine = value;
        return this;
    }

    /// Something taken for granted, a sentence.
    public ResultDocumentBuilder assumption(String sentence) {
        assumptions.add(sentence);
        return this;
    }

    /// Where the numbers of `field` come from; the measured fields are set already.
    public ResultDocumentBuilder badge(String field, Badge badge) {
        badges.put(field, badge);
        return this;
    }

    public ResultDocumentBuilder next(NextStep value) {
        next.add(value);
        return this;
    }

    /// @throws IllegalArgumentException where samples, timings, machine or the reproduce line was not set
    public ResultDocument build() {
        return new ResultDocument(
                Document.SCHEMA_VERSION,
                nibble,
                model,
                target,
                precision,
                options,
                Values.present("samples", samples),
                headline.metric(),
                headline.metrics(),
                headline.sqnrDb(),
                headline.cosine(),
                headline.klNats(),
                headline.argmaxAgreement(),
                headline.optimization(),
                defaultOptimization,
                tensors,
                layers,
                histograms,
                masks,
                skipped,
                passes,
                ladder,
                channelRanges,
                findings,
                files,
                pictures,
                generated,
                Values.present("timings", timings),
                peakRssBytes,
                Values.present("reproduce", reproduce),
                Values.present("machine", machine),
                assumptions,
                badges,
                next);
    }
}
