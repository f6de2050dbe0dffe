package dev.nibble.bench;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.data.InputSpec;
import dev.nibble.data.metric.Comparison;
import dev.nibble.data.metric.OutputComparison;
import dev.nibble.data.metric.TaskMetric;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.shape.BindShapes;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.graph.summary.ModelSummary;
import dev.nibble.htp.HtpExecutor;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.pipeline.ModelFile;
import dev.nibble.pipeline.PreparedModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.htp.HtpDevice;
import dev.nibble.pipeline.htp.Placement;
import dev.nibble.pipeline.htp.PlacementDocument;
import dev.nibble.pipeline.measure.Evaluation;
import dev.nibble.pipeline.measure.TaskMetrics;
import dev.nibble.pipeline.measure.Variant;
import dev.nibble.report.Interval;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.Targets;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;

/// Quantizes a model as the command line does, and measures the written file on the CPU and on the HTP in one pass
/// with the float model, so that all are paired sample by sample.
final class MeasureHtpRow {
    private static final String TARGET = "sm8650";

    /// What a row may cost where nothing is said: the emulator takes about a second a GMAC on one thread at W8A8, and up
    /// to thrice that with 16-bit activations. All rows together then end within 25 minutes on two idle cores.
    static final double GMACS = 30;

    private static final long LEAST_SAMPLES = 25;
    private static final long MOST_SAMPLES = 2000;
    private static final long ROUND = 25;

    private final BenchModel bench;
    private final Setting setting;
    private final long samples;
    private final HtpLibraries libraries;
    private final Path work;
    private final String nibble;
    private final int threads = Runtime.getRuntime().availableProcessors();
    private final OrtExecutor executor = new OrtExecutor();

    /// @param samples to measure on
    /// @param work a folder for the written models
    MeasureHtpRow(BenchModel bench, Setting setting, long samples, HtpLibraries libraries, Path work, String nibble) {
        this.bench = bench;
        this.setting = setting;
        this.samples = samples;
        this.libraries = libraries;
        this.work = work;
        this.nibble = nibble;
    }

    /// Multiply-accumulates of one sample.
    static long macs(BenchModel bench) {
        Model model = ModelFile.toRun(bench.model(), bench.shapes()).model();
        return ModelSummary.of(ShapeInference.inferOwn(
                                BindShapes.bind(model, bench.shapes()).requireStatic())
                        .model())
                .macs();
    }

    /// How many samples of `bench` so many GMAC pay for, of all that there are.
    static long samples(BenchModel bench, double gmacs) {
        long affordable = Math.round(gmacs * 1e9 / Math.max(1, macs(bench)) / ROUND) * ROUND;
        List<InputSpec> inputs = PreparedModel.inputs(
                ModelFile.toRun(bench.model(), bench.shapes()).model());
        try (DataSet all =
                DataSet.open(bench.evaluation().path(), bench.evaluation().options(), inputs)) {
            return Math.min(all.size(), Math.clamp(affordable, LEAST_SAMPLES, MOST_SAMPLES));
        }
    }

    HtpRow measure() {
        long start = System.nanoTime();
        PreparedModel prepared =
                PreparedModel.read(bench.model(), bench.model().toString(), bench.shapes(), executor, Progress.none());
        Path file = work.resolve("htp.onnx");
        MeasureRow.quantize(bench, setting, prepared, executor, threads, file, nibble);
        return measured(prepared, file, start);
    }

    /// The same of a file that was quantized already.
    static HtpRow of(BenchModel bench, Path file, long samples, HtpLibraries libraries, Path work, String nibble) {
        MeasureHtpRow row = new MeasureHtpRow(bench, Setting.HTP.getFirst(), samples, libraries, work, nibble);
        PreparedModel prepared = PreparedModel.read(
                bench.model(), bench.model().toString(), bench.shapes(), row.executor, Progress.none());
        return row.measured(prepared, file, System.nanoTime());
    }

    private HtpRow measured(PreparedModel prepared, Path file, long start) {
        PlacementDocument.OfTarget placed = Placement.run(
                        new Placement.Options(
                                file,
                                List.of(Targets.find(TARGET)),
                                libraries,
                                bench.shapes(),
                                threads,
                                Optional.empty(),
                                false,
                                nibble),
                        Progress.none())
                .targets()
                .getFirst();
        List<InputSpec> inputs = PreparedModel.inputs(prepared.model());
        try (DataSet data = DataSet.open(bench.evaluation().path(), chosen(inputs), inputs)) {
            return row(prepared, ModelReader.read(file), data, placed, start);
        }
    }

    /// Samples spread evenly over those that the CPU's rows are measured on.
    private DataOptions chosen(List<InputSpec> inputs) {
        DataOptions options = bench.evaluation().options();
        try (DataSet all = DataSet.open(bench.evaluation().path(), options, inputs)) {
            Long every = options.every();
            return options.withChoice(options.skip(), (every == null ? 1 : every) * (all.size() / samples), samples);
        }
    }

    private HtpRow row(
            PreparedModel prepared, Model quantized, DataSet data, PlacementDocument.OfTarget placed, long start) {
        HtpExecutor htp = new HtpDevice(libraries, Targets.find(TARGET)).executor(threads);
        Stopwatch watch = new Stopwatch(htp);
        List<Evaluation.Outcome> outcomes = Evaluation.of(
                List.of(
                        new Variant("float", prepared.original(), Executor.Optimization.DEFAULT),
                        new Variant("off", quantized, Executor.Optimization.OFF),
                        new Variant(HtpDevice.NAME, quantized, Executor.Optimization.OFF, Optional.of(watch))),
                data,
                TaskMetrics.choose("auto", prepared.original(), data),
                executor,
                threads,
                threads * 4,
                new Doctor(),
                Progress.none());
        TaskMetric cpu = outcomes.get(1).metrics().getFirst();
        TaskMetric onHtp = outcomes.get(2).metrics().getFirst();
        Comparison pair = Comparison.of(cpu.name(), cpu.scores(), onHtp.scores());
        OutputComparison outputs = outcomes.get(2).before().values().iterator().next();
        boolean answers = TaskMetrics.answersByLargest(prepared.original());
        return new HtpRow(
                cpu.name(),
                outcomes.get(0).metrics().getFirst().result().value(),
                pair.reference(),
                pair.value(),
                Interval.orNull(pair.ci95().low(), pair.ci95().high()),
                pair.n(),
                outputs.sqnrDb().value(),
                answers ? outputs.argmaxAgreement().value() : Double.NaN,
                placed.onHtp(),
                placed.onCpu(),
                data.size() / watch.seconds(),
                (System.nanoTime() - start) / 1e9,
                nibble,
                LocalDate.now(ZoneOffset.UTC).toString());
    }
}
