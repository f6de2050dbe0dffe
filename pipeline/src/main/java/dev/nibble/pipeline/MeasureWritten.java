package dev.nibble.pipeline;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.data.InputSpec;
import dev.nibble.data.metric.TaskMetric;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.pipeline.measure.Evaluation;
import dev.nibble.pipeline.measure.LayerComparison;
import dev.nibble.pipeline.measure.Measurements;
import dev.nibble.pipeline.measure.TaskMetrics;
import dev.nibble.pipeline.measure.Variant;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.memory.ValueSizes;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.report.Finding;
import dev.nibble.report.LadderRung;
import dev.nibble.report.LayerError;
import dev.nibble.report.Measurement;
import dev.nibble.report.ResultDocumentBuilder;
import dev.nibble.report.Samples;
import dev.nibble.report.Skipped;
import dev.nibble.run.OrtExecutor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/// What the file that was written costs: the metric against the float model, the model after each step of its recipe,
/// and the error of each layer.
///
/// @param qdq the written file, its edges float
/// @param calibration the samples that layers are compared on
record MeasureWritten(
        QuantizeOptions options,
        OrtExecutor executor,
        Progress progress,
        PreparedModel prepared,
        QuantizedModel quantized,
        Model qdq,
        DataSet calibration,
        ResultDocumentBuilder report) {
    /// Samples on which the layers are compared with the float model; each is run three times with every value kept.
    private static final int LAYER_SAMPLES = 24;

    /// Samples that are measured at once: larger batches are no faster, and cost memory.
    private static final int MEASURED_BATCH = 8;

    /// Measures on the samples chosen for that, else on some of those that calibration saw.
    ///
    /// @param seen the samples for calibration; where every range is given, those to measure with
    /// @param other the same model by another recipe
    void measure(QuantizeOptions.Samples seen, List<InputSpec> inputs, Function<Recipe, QuantizedModel> other) {
        boolean own = options.evaluation().isPresent();
        QuantizeOptions.Samples chosen = options.evaluation().orElseGet(() -> fallback(seen));
        try (DataSet data = DataSet.open(chosen.path(), chosen.options(), inputs)) {
            Supplier<List<TaskMetric>> metrics = TaskMetrics.choose(options.metric(), prepared.original(), data);
            if (data.labelled()
                    && options.metric().equals("auto")
                    && metrics.get().isEmpty()) {
                report.finding(Findings.note(
                        "M102",
                        "the labels were not used: the first output is neither a list of classes nor text",
                        "name a metric with --metric, or leave the labels away"));
            }
            List<Variant> variants = new ArrayList<>();
            variants.add(new Variant("float", prepared.original(), Executor.Optimization.DEFAULT));
            variants.add(new Variant("off", qdq, Executor.Optimization.OFF));
            Variant byDefault = new Variant("default", qdq, Executor.Optimization.DEFAULT);
            variants.add(byDefault);
            int batch = options.batch() > 0
                    ? options.batch()
                    : Evaluation.batch(variants, data, options.memory(), MEASURED_BATCH, executor);
            List<Evaluation.Outcome> outcomes = Evaluation.of(
                    variants,
                    data,
                    metrics,
                    executor,
                    options.threads(),
                    batch,
                    new Doctor(),
                    progress,
                    (variant, e) -> {
                        if (variant != byDefault) {
                            throw e;
                        }
                        report.finding(unloadable(e));
                    });
            long classes = TaskMetrics.classes(prepared.original());
            Measurement headline = Measurements.of(outcomes.get(0), outcomes.get(1), "off", classes);
            report.headline(headline);
            if (options.ladder()) {
                ladder(data, metrics, headline, other);
            }
            if (outcomes.size() > 2) {
                report.defaultOptimization(Measurements.of(outcomes.get(0), outcomes.get(2), "default", classes));
            }
            if (outcomes.get(1).outputs().size() > 1) {
                report.finding(Findings.note(
                        "M101",
                        "the model has %d float outputs; the headline is of '%s'"
                                .formatted(
                                        outcomes.get(1).outputs().size(),
                                        outcomes.get(1)
                                                .outputs()
                                                .keySet()
                                                .iterator()
                                                .next()),
                        "compare lists every output"));
            }
            report.pictures(SamplePictures.of(
                    prepared.original(), qdq, data, outcomes, executor, optimization(Executor.Optimization.OFF)));
            GenerateText generate = new GenerateText(
                    options.generate(),
                    data,
                    batch,
                    executor,
                    optimization(Executor.Optimization.OFF),
                    progress,
                    report::finding);
            GenerateText.of(generate, metrics.get(), prepared.original(), qdq).ifPresent(report::generated);
            report.samples(new Samples(
                    options.calibration().isPresent() ? calibration.size() : 0,
                    data.size(),
                    !own,
                    data.labelled(),
                    options.calibration().map(QuantizeOptions.Samples::shown).orElse(null),
                    chosen.shown()));
        }
        layers();
    }

    private void ladder(
            DataSet data,
            Supplier<List<TaskMetric>> metrics,
            Measurement headline,
            Function<Recipe, QuantizedModel> other) {
        report.ladder(MeasureLadder.below(
                options.recipe(),
                prepared,
                other,
                data,
                metrics,
                executor,
                options.threads(),
                options.batch() > 0 ? options.batch() : MEASURED_BATCH,
                this::layers,
                progress));
        List<Recipe.Step> steps = options.recipe().steps();
        report.ladder(List.of(new LadderRung(
                steps.isEmpty() ? "plain" : steps.getLast().toString(),
                headline.metric(),
                headline.sqnrDb(),
                quantized.calibrateSeconds() + quantized.quantizeSeconds(),
                layers(quantized, qdq))));
    }

    /// The errors of a model's layers, and nothing else of them.
    private List<LayerError> layers(QuantizedModel model, Model file) {
        return new ResultTables(model).layers(compared(model, file).rows());
    }

    /// That the file cannot be run with default optimization, which says nothing of the file's own arithmetic.
    private static Finding unloadable(NibbleException e) {
        return Findings.warning(
                "M105",
                "ONNX Runtime cannot load the quantized file with its default graph optimization: " + e.getMessage(),
                "turn graph optimization off where the file is run on the CPU");
    }

    /// Refuses a limit that measuring a single sample exceeds, before anything was quantized.
    static void requireRoom(Model original, DataSet data, MemoryBudget memory, Executor executor) {
        // The original and the file that was written, with its own arithmetic and as ONNX Runtime rewrites it.
        Variant each = new Variant("float", original, Executor.Optimization.DEFAULT);
        Evaluation.batch(List.of(each, each, each), data, memory, MEASURED_BATCH, executor);
    }

    private QuantizeOptions.Samples fallback(QuantizeOptions.Samples seen) {
        DataOptions given = calibration.options();
        long take = Math.min(QuantizeOptions.FALLBACK_EVALUATION, calibration.size());
        return new QuantizeOptions.Samples(seen.path(), given.withChoice(given.skip(), given.every(), take));
    }

    /// Layer by layer over a few samples, in as many passes as the memory asks for.
    private LayerComparison compared(QuantizedModel model, Model file) {
        long samples = Math.min(LAYER_SAMPLES, calibration.size());
        LayerComparison comparison =
                new LayerComparison(model.exact(), file, executor, optimization(Executor.Optimization.OFF));
        ValueSizes sizes =
                ValueSizes.of(model.exact(), comparison.values(), calibration.sample(calibration.largest()), executor);
        List<List<String>> groups = comparison.groups(options.memory(), sizes);
        String what = MemoryBudget.announced("comparing layers", groups.size());
        try (Progress.Stage stage = progress.begin(what, samples * groups.size())) {
            for (List<String> group : groups) {
                try (LayerComparison.Pass pass = comparison.pass(group)) {
                    for (long i = 0; i < samples; i++) {
                        pass.add(calibration.sample(i * calibration.size() / samples));
                        stage.advance();
                    }
                }
            }
        }
        return comparison;
    }

    private void layers() {
        LayerComparison comparison = compared(quantized, qdq);
        ResultTables tables = new ResultTables(quantized);
        report.tensors(tables.tensors());
        report.layers(tables.layers(comparison.rows()));
        report.histograms(tables.histograms(comparison.rows()));
        report.skipped(comparison.skipped().stream()
                .map(value -> new Skipped(value, null, "the float model has no such value to compare with"))
                .toList());
    }

    private Executor.Options optimization(Executor.Optimization optimization) {
        return new Executor.Options(options.threads(), optimization);
    }
}
