package dev.nibble.pipeline;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.data.InputSpec;
import dev.nibble.data.metric.TaskMetric;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.pipeline.htp.TargetRefusals;
import dev.nibble.pipeline.measure.Evaluation;
import dev.nibble.pipeline.measure.FloatEdges;
import dev.nibble.pipeline.measure.LayerComparison;
import dev.nibble.pipeline.measure.Measurements;
import dev.nibble.pipeline.measure.TaskMetrics;
import dev.nibble.pipeline.measure.Variant;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.memory.ValueSizes;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.pipeline.output.StagedDirectory;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.quant.encodings.EncodingsVersion;
import dev.nibble.quant.encodings.EncodingsWriter;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.report.Badge;
import dev.nibble.report.ChannelRanges;
import dev.nibble.report.FileRecord;
import dev.nibble.report.Finding;
import dev.nibble.report.LadderRung;
import dev.nibble.report.LayerError;
import dev.nibble.report.Measurement;
import dev.nibble.report.PassRecord;
import dev.nibble.report.ReportJson;
import dev.nibble.report.Reproduce;
import dev.nibble.report.ResultDocument;
import dev.nibble.report.ResultDocumentBuilder;
import dev.nibble.report.Samples;
import dev.nibble.report.Skipped;
import dev.nibble.report.Timings;
import dev.nibble.report.html.HtmlReport;
import dev.nibble.run.CpuFeatures;
import dev.nibble.run.OrtExecutor;
import dev.nibble.run.PeakMemory;
import dev.nibble.target.PlacementRules;
import dev.nibble.target.QuantSimConfig;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/// `quantize`: from a float model and samples to a folder with the quantized model, its float twin, its encodings, and
/// a report of what it cost. What is measured is the file that was written.
public final class Quantize {
    /// Samples on which the layers are compared with the float model; each is run three times with every value kept.
    private static final int LAYER_SAMPLES = 24;

    /// Samples that are measured at once: larger batches are no faster, and cost memory.
    private static final int MEASURED_BATCH = 8;

    private final QuantizeOptions options;
    private final Progress progress;
    private final OrtExecutor executor = new OrtExecutor();
    private final long start = System.nanoTime();
    private RunDirectory run = RunDirectory.NONE;

    private Quantize(QuantizeOptions options, Progress progress) {
        this.options = options;
        this.progress = progress;
    }

    /// Does all of it. The results appear in `options.out()` whole, or not at all.
    ///
    /// @return what `report.json` holds
    /// @throws NibbleException for whatever the user can mend
    public static ResultDocument run(QuantizeOptions options, Progress progress) {
        try (StagedDirectory out = StagedDirectory.open(options.out(), QuantizeOptions.FILES, options.force())) {
            ResultDocument document = into(out, options, progress);
            out.commit();
            return document;
        }
    }

    /// As [#run], into a folder that the caller commits.
    static ResultDocument into(StagedDirectory out, QuantizeOptions options, Progress progress) {
        return new Quantize(options, progress).into(out);
    }

    private ResultDocument into(StagedDirectory out) {
        PreparedModel prepared =
                PreparedModel.read(options.model(), options.shownModel(), options.shapes(), executor, progress);
        List<InputSpec> inputs = PreparedModel.inputs(prepared.model());
        requireTaken(prepared.model());
        double loaded = seconds(start);
        ResultDocumentBuilder report = ResultDocument.builder(
                options.version(),
                prepared.info(),
                options.target(),
                options.precision().toString());
        prepared.findings().forEach(report::finding);
        if (options.calibration().isEmpty()) {
            weightsAlone(out, prepared, loaded, report);
        } else {
            calibrated(out, prepared, inputs, loaded, report);
        }
        report.peakRssBytes(PeakMemory.rssBytes());
        ResultDocument document = report.build();
        write(out.file("report.json"), ReportJson.write(document));
        write(out.file("report.html"), HtmlReport.of(document));
        return document;
    }

    /// Weights are all there is to quantize, so no sample is needed, and no model is run: what is larger than memory goes
    /// through in pieces.
    private void weightsAlone(
            StagedDirectory out, PreparedModel prepared, double loaded, ResultDocumentBuilder report) {
        QuantizedModel quantized;
        try (Progress.Stage stage = progress.begin("quantizing weights", -1)) {
            quantized = QuantizedModel.ofWeights(prepared.model(), rules(), options.precision(), options.parameters());
            stage.advance();
        }
        writeModels(out, quantized).forEach(file -> report.files(List.of(file)));
        Findings.grouped(quantized.findings()).forEach(report::finding);
        report.finding(Findings.note(
                "M106",
                "nothing was measured, and no bias was corrected: there are no samples",
                "name samples with --data to measure the file that was written"));
        report.tensors(new ResultTables(quantized).tensors());
        report.samples(new Samples(0, 0, false, false, null, null));
        describe(prepared, quantized, report);
        report.timings(new Timings(loaded, 0.0, quantized.quantizeSeconds(), 0.0, seconds(start)));
    }

    private void calibrated(
            StagedDirectory out,
            PreparedModel prepared,
            List<InputSpec> inputs,
            double loaded,
            ResultDocumentBuilder report) {
        Doctor doctor = new Doctor();
        try (DataSet data = DataSet.open(options.data().path(), options.data().options(), inputs)) {
            data.findings().forEach(finding -> report.finding(Findings.of(finding)));
            requireMeasurable(prepared, inputs);
            run = options.runDirectory()
                    .map(folder -> RunDirectory.open(folder, options.followed(executor.version())))
                    .orElse(RunDirectory.NONE);
            QuantizedModel quantized = quantized(prepared, options.recipe(), data, doctor);
            List<FileRecord> files = writeModels(out, quantized);
            files.forEach(file -> report.files(List.of(file)));
            doctor.findings().forEach(finding -> report.finding(Findings.of(finding)));
            long measuring = System.nanoTime();
            Model qdq = FloatEdges.around(ModelReader.read(out.file("model.qdq.onnx")));
            measure(prepared, quantized, qdq, data, inputs, report);
            double evaluated = seconds(measuring);
            Findings.grouped(quantized.findings()).forEach(report::finding);
            describe(prepared, quantized, report);
            report.timings(new Timings(
                    loaded, quantized.calibrateSeconds(), quantized.quantizeSeconds(), evaluated, seconds(start)));
        }
    }

    private QuantizedModel quantized(PreparedModel prepared, Recipe recipe, DataSet data, Doctor doctor) {
        return QuantizedModel.of(
                prepared.model(),
                rules(),
                options.precision(),
                options.activations(),
                options.parameters(),
                recipe,
                options.quantizedIo() ? Boundary.QUANTIZED : Boundary.FLOAT,
                data,
                executor,
                options.threads(),
                options.memory(),
                options.batch(),
                doctor,
                run,
                progress);
    }

    /// Refuses samples that could not be measured with before the long work, not after it.
    private void requireMeasurable(PreparedModel prepared, List<InputSpec> inputs) {
        QuantizeOptions.Samples chosen = options.evaluation().orElse(options.data());
        try (DataSet data = DataSet.open(chosen.path(), chosen.options(), inputs)) {
            TaskMetrics.choose(options.metric(), prepared.original(), data);
        }
    }

    /// Refuses what the target cannot do, before the long work.
    private void requireTaken(Model model) {
        if (options.quantsimConfig().isEmpty()) {
            Target target = Targets.find(options.target());
            if (TargetRefusals.concern(target)) {
                TargetRefusals.require(QuantizedModel.plan(model, rules(), options.precision()), target);
            }
        }
    }

    private PlacementRules rules() {
        return options.quantsimConfig()
                .map(QuantSimConfig::read)
                .orElseGet(() -> Targets.find(options.target()).placementRules());
    }

    private List<FileRecord> writeModels(StagedDirectory out, QuantizedModel quantized) {
        try (Progress.Stage stage = progress.begin("writing", -1)) {
            List<FileRecord> files = new ArrayList<>();
            Map<String, Model> models =
                    Map.of("model.qdq.onnx", quantized.export().model(), "model.float.onnx", quantized.twin());
            for (String name : List.of("model.qdq.onnx", "model.float.onnx")) {
                Model model = models.get(name);
                if (model != null) {
                    Model signed = model.withProducer("nibble", options.version());
                    for (Path written : ModelWriter.write(signed, out.file(name))) {
                        files.add(
                                FileDigest.record(written, written.getFileName().toString()));
                    }
                }
                stage.advance();
            }
            Path encodings = out.file("model.encodings");
            write(encodings, encodings(quantized));
            files.add(FileDigest.record(encodings, "model.encodings"));
            return files;
        }
    }

    private String encodings(QuantizedModel quantized) {
        return EncodingsWriter.text(
                quantized.plan(), quantized.quantization(), EncodingsVersion.of(options.encodingsVersion()));
    }

    private void measure(
            PreparedModel prepared,
            QuantizedModel quantized,
            Model qdq,
            DataSet calibration,
            List<InputSpec> inputs,
            ResultDocumentBuilder report) {
        boolean own = options.evaluation().isPresent();
        QuantizeOptions.Samples chosen = options.evaluation().orElseGet(() -> fallback(calibration));
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
            unloadable(qdq)
                    .ifPresentOrElse(
                            report::finding,
                            () -> variants.add(new Variant("default", qdq, Executor.Optimization.DEFAULT)));
            List<Evaluation.Outcome> outcomes = Evaluation.of(
                    variants,
                    data,
                    metrics,
                    executor,
                    options.threads(),
                    options.batch() > 0
                            ? options.batch()
                            : Evaluation.batch(variants, data, options.memory(), MEASURED_BATCH, executor),
                    new Doctor(),
                    progress);
            long classes = TaskMetrics.classes(prepared.original());
            Measurement headline = Measurements.of(outcomes.get(0), outcomes.get(1), "off", classes);
            report.headline(headline);
            if (options.ladder()) {
                ladder(prepared, quantized, qdq, calibration, data, metrics, headline, report);
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
            report.samples(new Samples(
                    calibration.size(),
                    data.size(),
                    !own,
                    data.labelled(),
                    options.data().shown(),
                    chosen.shown()));
        }
        layers(quantized, qdq, calibration, report);
    }

    private void ladder(
            PreparedModel prepared,
            QuantizedModel quantized,
            Model qdq,
            DataSet calibration,
            DataSet data,
            Supplier<List<TaskMetric>> metrics,
            Measurement headline,
            ResultDocumentBuilder report) {
        report.ladder(MeasureLadder.below(
                options.recipe(),
                prepared,
                recipe -> quantized(prepared, recipe, calibration, new Doctor()),
                data,
                metrics,
                executor,
                options.threads(),
                options.batch() > 0 ? options.batch() : MEASURED_BATCH,
                (plain, model) -> layers(plain, model, calibration),
                progress));
        List<Recipe.Step> steps = options.recipe().steps();
        report.ladder(List.of(new LadderRung(
                steps.isEmpty() ? "plain" : steps.getLast().toString(),
                headline.metric(),
                headline.sqnrDb(),
                quantized.calibrateSeconds() + quantized.quantizeSeconds(),
                layers(quantized, qdq, calibration))));
    }

    /// The errors of a model's layers, and nothing else of them.
    private List<LayerError> layers(QuantizedModel quantized, Model qdq, DataSet data) {
        return new ResultTables(quantized).layers(compared(quantized, qdq, data).rows());
    }

    /// Why the file cannot be run with default optimization, which says nothing of the file's own arithmetic.
    private Optional<Finding> unloadable(Model qdq) {
        try (Executor.Session session =
                executor.open(qdq, Evaluation.floatOutputs(qdq), optimization(Executor.Optimization.DEFAULT))) {
            return Optional.empty();
        } catch (NibbleException e) {
            return Optional.of(Findings.warning(
                    "M105",
                    "ONNX Runtime cannot load the quantized file with its default graph optimization: "
                            + e.getMessage(),
                    "turn graph optimization off where the file is run on the CPU"));
        }
    }

    private QuantizeOptions.Samples fallback(DataSet calibration) {
        DataOptions given = calibration.options();
        long take = Math.min(QuantizeOptions.FALLBACK_EVALUATION, calibration.size());
        return new QuantizeOptions.Samples(options.data().path(), given.withChoice(given.skip(), given.every(), take));
    }

    /// Layer by layer over a few samples, in as many passes as the memory asks for.
    private LayerComparison compared(QuantizedModel quantized, Model qdq, DataSet data) {
        long samples = Math.min(LAYER_SAMPLES, data.size());
        LayerComparison comparison =
                new LayerComparison(quantized.exact(), qdq, executor, optimization(Executor.Optimization.OFF));
        ValueSizes sizes = ValueSizes.of(quantized.exact(), comparison.values(), data.sample(data.largest()), executor);
        List<List<String>> groups = comparison.groups(options.memory(), sizes);
        String what = MemoryBudget.announced("comparing layers", groups.size());
        try (Progress.Stage stage = progress.begin(what, samples * groups.size())) {
            for (List<String> group : groups) {
                try (LayerComparison.Pass pass = comparison.pass(group)) {
                    for (long i = 0; i < samples; i++) {
                        pass.add(data.sample(i * data.size() / samples));
                        stage.advance();
                    }
                }
            }
        }
        return comparison;
    }

    private void layers(QuantizedModel quantized, Model qdq, DataSet data, ResultDocumentBuilder report) {
        LayerComparison comparison = compared(quantized, qdq, data);
        ResultTables tables = new ResultTables(quantized);
        report.tensors(tables.tensors());
        report.layers(tables.layers(comparison.rows()));
        report.histograms(tables.histograms(comparison.rows()));
        report.skipped(comparison.skipped().stream()
                .map(value -> new Skipped(value, null, "the float model has no such value to compare with"))
                .toList());
    }

    private void describe(PreparedModel prepared, QuantizedModel quantized, ResultDocumentBuilder report) {
        report.passes(prepared.passes());
        report.passes(RecoveryPasses.of(quantized));
        quantized
                .channelRanges()
                .ifPresent(ranges -> report.channelRanges(new ChannelRanges(
                        ranges.node().label(),
                        ranges.weight(),
                        Arrays.stream(ranges.before()).boxed().toList(),
                        Arrays.stream(ranges.after()).boxed().toList())));
        if (run.keeps()) {
            report.passes(List.of(new PassRecord(
                    "run-directory",
                    run.reused().stream()
                            .map(stage -> stage + ": taken from the run directory")
                            .toList(),
                    List.of())));
        }
        report.skipped(quantized.plan().skipped().stream()
                .map(skipped -> new Skipped(skipped.node(), skipped.op(), skipped.reason()))
                .toList());
        List<PlacementPlan.Conversion> conversions = quantized.plan().conversions();
        if (!conversions.isEmpty()) {
            report.finding(Findings.note(
                    "Q101",
                    "%d operators read a value at another width than it has, '%s' first: it is converted on the way (%s)"
                            .formatted(
                                    conversions.size(),
                                    conversions.getFirst().value(),
                                    conversions.getFirst().reason()),
                    null));
        }
        report.option(
                "data",
                options.calibration().map(QuantizeOptions.Samples::shown).orElse("none"));
        report.option("weights-bitwidth", options.precision().weightBits());
        report.option(
                "act-bitwidth",
                options.precision().activationBits().isPresent()
                        ? options.precision().activationBits().getAsInt()
                        : "float");
        report.option("weight-granularity", options.granularity());
        report.option("act-calibration", options.activations().id());
        report.option("param-calibration", options.parameters().id());
        report.option(
                "algorithms",
                options.calibration().isPresent() ? options.recipe().shown() : Recipe.PLAIN.shown());
        report.option("io", options.quantizedIo() ? "quantized" : "float");
        report.option("encodings-version", options.encodingsVersion());
        report.option("threads", options.threads());
        report.reproduce(new Reproduce(
                options.command(),
                options.seed(),
                Map.of("nibble", options.version(), "onnxruntime", executor.version())));
        report.machine(MachineFacts.of(options.threads()));
        report.badge("tensors.sqnrDb", Badge.ESTIMATED);
        CpuFeatures.here().caution().ifPresent(report::assumption);
        NextSteps.of(options).forEach(report::next);
    }

    private Executor.Options optimization(Executor.Optimization optimization) {
        return new Executor.Options(options.threads(), optimization);
    }

    private static double seconds(long since) {
        return (System.nanoTime() - since) / 1e9;
    }

    private static void write(Path file, String text) {
        try {
            Files.writeString(file, text);
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be written: %s".formatted(file.getFileName(), e.getMessage()),
                    "check that --out may be written and has room",
                    e);
        }
    }
}
