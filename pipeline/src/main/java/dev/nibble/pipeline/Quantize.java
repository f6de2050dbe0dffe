package dev.nibble.pipeline;

import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.data.InputSpec;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.pipeline.htp.TargetRefusals;
import dev.nibble.pipeline.measure.FloatEdges;
import dev.nibble.pipeline.measure.TaskMetrics;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.pipeline.output.StagedDirectory;
import dev.nibble.pipeline.recover.Algorithm;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.quant.encodings.EncodingsVersion;
import dev.nibble.quant.encodings.EncodingsWriter;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.weight.BatchNormStatistics;
import dev.nibble.quant.weight.CorrectBias;
import dev.nibble.report.Badge;
import dev.nibble.report.ChannelRanges;
import dev.nibble.report.FileRecord;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// `quantize`: from a float model and samples to a folder with the quantized model, its float twin, its encodings, and
/// a report of what it cost. What is measured is the file that was written.
public final class Quantize {
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
        } catch (NibbleException e) {
            throw SequenceLength.explained(
                    e,
                    options.model(),
                    options.shapes(),
                    Stream.of(options.calibration(), options.evaluation())
                            .flatMap(Optional::stream)
                            .toList());
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
        PlacementRules rules = rules();
        ReadOverrides overrides = ReadOverrides.of(options, rules, prepared);
        requireTaken(prepared.model(), rules, overrides);
        double loaded = seconds(start);
        ResultDocumentBuilder report = ResultDocument.builder(
                options.version(),
                prepared.info(),
                options.target(),
                overrides.precision().toString());
        prepared.findings().forEach(report::finding);
        overrides.findings().forEach(report::finding);
        QuantizeOptions.Samples seen =
                options.calibration().or(options::evaluation).orElse(null);
        if (seen == null) {
            withoutSamples(out, prepared, rules, overrides, loaded, report);
        } else {
            measured(out, prepared, inputs, rules, overrides, seen, loaded, report);
        }
        PeakMemory peak = PeakMemory.now();
        report.peakRssBytes(peak.bytes());
        options.memory().exceeded(peak, prepared.original()).map(Findings::of).ifPresent(report::finding);
        ResultDocument document = report.build();
        write(out.file("report.json"), ReportJson.write(document));
        write(out.file("report.html"), HtmlReport.of(document));
        return document;
    }

    private QuantizedModel uncalibrated(PreparedModel prepared, PlacementRules rules, ReadOverrides overrides) {
        try (Progress.Stage stage = progress.begin("quantizing weights", -1)) {
            QuantizedModel quantized = QuantizedModel.withoutData(
                    prepared.model(),
                    rules,
                    overrides.precision(),
                    options.parameters(),
                    boundary(),
                    options.recipe(),
                    BatchNormStatistics.of(prepared.original(), prepared.renamed()));
            stage.advance();
            return quantized;
        }
    }

    private static String corrections(QuantizedModel quantized) {
        CorrectBias.Result biases = quantized.biases();
        return biases == null || biases.corrected().isEmpty()
                ? "no bias was corrected"
                : "%d biases were corrected by batch norms alone"
                        .formatted(biases.corrected().size());
    }

    private Boundary boundary() {
        return options.quantizedIo() ? Boundary.QUANTIZED : Boundary.FLOAT;
    }

    /// Weights are all there is to quantize, or every range is given, so no sample is needed, and no model is run: what is
    /// larger than memory goes through in pieces.
    private void withoutSamples(
            StagedDirectory out,
            PreparedModel prepared,
            PlacementRules rules,
            ReadOverrides overrides,
            double loaded,
            ResultDocumentBuilder report) {
        QuantizedModel quantized = uncalibrated(prepared, rules, overrides);
        writeModels(out, prepared.original(), quantized, overrides).forEach(file -> report.files(List.of(file)));
        Findings.grouped(quantized.findings()).forEach(report::finding);
        report.finding(Findings.note(
                "M106",
                "nothing was measured, and %s: there are no samples".formatted(corrections(quantized)),
                "name samples with --data to measure the file that was written"));
        report.tensors(new ResultTables(quantized).tensors());
        report.samples(new Samples(0, 0, false, false, null, null));
        describe(prepared, quantized, report);
        report.timings(new Timings(loaded, 0.0, quantized.quantizeSeconds(), 0.0, seconds(start)));
    }

    /// @param seen the samples for calibration; where every range is given, those to measure with
    private void measured(
            StagedDirectory out,
            PreparedModel prepared,
            List<InputSpec> inputs,
            PlacementRules rules,
            ReadOverrides overrides,
            QuantizeOptions.Samples seen,
            double loaded,
            ResultDocumentBuilder report) {
        Doctor doctor = new Doctor();
        try (DataSet data = DataSet.open(seen.path(), seen.options(), inputs)) {
            data.findings().forEach(finding -> report.finding(Findings.of(finding)));
            requireMeasurable(prepared, inputs, seen);
            run = options.runDirectory()
                    .filter(_ -> options.calibration().isPresent())
                    .map(folder -> RunDirectory.open(folder, options.followed(executor.version())))
                    .orElse(RunDirectory.NONE);
            QuantizedModel quantized = options.calibration().isEmpty()
                    ? uncalibrated(prepared, rules, overrides)
                    : quantized(prepared, rules, overrides, options.recipe(), data, doctor);
            List<FileRecord> files = writeModels(out, prepared.original(), quantized, overrides);
            files.forEach(file -> report.files(List.of(file)));
            doctor.findings().forEach(finding -> report.finding(Findings.of(finding)));
            long measuring = System.nanoTime();
            Model qdq = FloatEdges.around(ModelReader.read(out.file("model.qdq.onnx")));
            Function<Recipe, QuantizedModel> other =
                    recipe -> quantized(prepared, rules, overrides, recipe, data, new Doctor());
            new MeasureWritten(options, executor, progress, prepared, quantized, qdq, data, report)
                    .measure(seen, inputs, other);
            double evaluated = seconds(measuring);
            Findings.grouped(quantized.findings()).forEach(report::finding);
            describe(prepared, quantized, report);
            report.timings(new Timings(
                    loaded, quantized.calibrateSeconds(), quantized.quantizeSeconds(), evaluated, seconds(start)));
        }
    }

    private QuantizedModel quantized(
            PreparedModel prepared,
            PlacementRules rules,
            ReadOverrides overrides,
            Recipe recipe,
            DataSet data,
            Doctor doctor) {
        return QuantizedModel.of(
                prepared.model(),
                rules,
                overrides.precision(),
                options.activations(),
                options.parameters(),
                recipe,
                boundary(),
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
    private void requireMeasurable(PreparedModel prepared, List<InputSpec> inputs, QuantizeOptions.Samples seen) {
        QuantizeOptions.Samples chosen = options.evaluation().orElse(seen);
        try (DataSet data = DataSet.open(chosen.path(), chosen.options(), inputs)) {
            TaskMetrics.choose(options.metric(), prepared.original(), data);
            if (options.memory().asked() && options.batch() == 0) {
                MeasureWritten.requireRoom(prepared.original(), data, options.memory(), executor);
            }
        }
    }

    /// Refuses what the target cannot do, before the long work.
    private void requireTaken(Model model, PlacementRules rules, ReadOverrides overrides) {
        if (options.quantsimConfig().isEmpty()) {
            Target target = Targets.find(options.target());
            if (TargetRefusals.concern(target)) {
                TargetRefusals.require(QuantizedModel.plan(model, rules, overrides.precision()), target);
            }
        }
    }

    private PlacementRules rules() {
        return options.quantsimConfig()
                .map(QuantSimConfig::read)
                .orElseGet(() -> Targets.find(options.target()).placementRules());
    }

    private List<FileRecord> writeModels(
            StagedDirectory out, Model source, QuantizedModel quantized, ReadOverrides overrides) {
        try (Progress.Stage stage = progress.begin("writing", -1)) {
            List<FileRecord> files = new ArrayList<>();
            Map<String, Model> models =
                    Map.of("model.qdq.onnx", quantized.export().model(), "model.float.onnx", quantized.twin());
            for (String name : List.of("model.qdq.onnx", "model.float.onnx")) {
                Model model = models.get(name);
                if (model != null) {
                    Model signed = model.withProducer("nibble", options.version());
                    for (Path written : ModelWriter.write(signed, out.file(name), source)) {
                        files.add(
                                FileDigest.record(written, written.getFileName().toString()));
                    }
                }
                stage.advance();
            }
            Path encodings = out.file("model.encodings");
            write(encodings, encodings(quantized, overrides));
            files.add(FileDigest.record(encodings, "model.encodings"));
            return files;
        }
    }

    private String encodings(QuantizedModel quantized, ReadOverrides overrides) {
        return EncodingsWriter.text(
                quantized.plan(),
                quantized.quantization(),
                EncodingsVersion.of(options.encodingsVersion()),
                overrides.verbatim());
    }

    private void describe(PreparedModel prepared, QuantizedModel quantized, ResultDocumentBuilder report) {
        report.passes(prepared.passes());
        report.passes(RecoveryPasses.of(quantized));
        report.masks(MaskRows.of(quantized, prepared));
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
                            .collect(Collectors.groupingBy(stage -> stage, LinkedHashMap::new, Collectors.counting()))
                            .entrySet()
                            .stream()
                            .map(stage -> stage.getKey() + ": taken from the run directory"
                                    + (stage.getValue() > 1 ? ", %d times".formatted(stage.getValue()) : ""))
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
        options.overrides().ifPresent(file -> report.option("quantization-overrides", file.shown()));
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
                options.calibration().isPresent()
                        ? options.recipe().shown()
                        : quantized.biases() == null ? Recipe.PLAIN.shown() : Algorithm.CORRECT_BIAS.id());
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
