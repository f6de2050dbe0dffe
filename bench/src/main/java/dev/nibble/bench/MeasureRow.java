package dev.nibble.bench;

import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.data.InputSpec;
import dev.nibble.graph.Executor;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.pipeline.PreparedModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.QuantizedModel;
import dev.nibble.pipeline.calibrate.Calibrator;
import dev.nibble.pipeline.measure.Evaluation;
import dev.nibble.pipeline.measure.Measurements;
import dev.nibble.pipeline.measure.TaskMetrics;
import dev.nibble.pipeline.measure.Variant;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.report.Machine;
import dev.nibble.report.Measurement;
import dev.nibble.report.Metric;
import dev.nibble.report.Reproduce;
import dev.nibble.report.ResultDocument;
import dev.nibble.report.Samples;
import dev.nibble.report.Timings;
import dev.nibble.report.Verdict;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.Targets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// Quantizes a model as the command line does, and once more plainly, and measures the written files in one pass with
/// the float model, so that all are paired sample by sample.
final class MeasureRow {
    private static final String TARGET = "sm8650";
    /// What the command line takes where nothing is said.
    static final MemoryBudget MEMORY = MemoryBudget.DEFAULT;
    private static final int MEASURED_BATCH = 8;

    private final BenchModel bench;
    private final Setting setting;
    private final Path work;
    private final String nibble;
    private final int threads = Runtime.getRuntime().availableProcessors();
    private final OrtExecutor executor = new OrtExecutor();

    /// @param work a folder for the written models
    MeasureRow(BenchModel bench, Setting setting, Path work, String nibble) {
        this.bench = bench;
        this.setting = setting;
        this.work = work;
        this.nibble = nibble;
    }

    Row measure() {
        long start = System.nanoTime();
        PreparedModel prepared =
                PreparedModel.read(bench.model(), bench.model().toString(), bench.shapes(), executor, Progress.none());
        List<InputSpec> inputs = PreparedModel.inputs(prepared.model());
        Path chosen = work.resolve("chosen.onnx");
        Path plain = work.resolve("plain.onnx");
        try (DataSet data =
                DataSet.open(bench.calibration().path(), bench.calibration().options(), inputs)) {
            Calibrator auto = Calibrator.named("auto", RangeSearch.Percentile.DEFAULT_PERCENT);
            Calibrator minMax = new Calibrator.Single(new RangeSearch.MinMax());
            quantize(
                    setting,
                    prepared,
                    data,
                    auto,
                    setting.parameters(),
                    setting.recipe(),
                    executor,
                    threads,
                    chosen,
                    nibble);
            quantize(
                    setting,
                    prepared,
                    data,
                    minMax,
                    new RangeSearch.MinMax(),
                    Recipe.PLAIN,
                    executor,
                    threads,
                    plain,
                    nibble);
        }
        List<Variant> variants = List.of(
                new Variant("float", prepared.original(), Executor.Optimization.DEFAULT),
                new Variant("off", ModelReader.read(chosen), Executor.Optimization.OFF),
                new Variant("default", ModelReader.read(chosen), Executor.Optimization.DEFAULT),
                new Variant("plain", ModelReader.read(plain), Executor.Optimization.OFF));
        try (DataSet data =
                DataSet.open(bench.evaluation().path(), bench.evaluation().options(), inputs)) {
            List<Evaluation.Outcome> outcomes = Evaluation.of(
                    variants,
                    data,
                    TaskMetrics.choose("auto", prepared.original(), data),
                    executor,
                    threads,
                    MEASURED_BATCH,
                    new Doctor(),
                    Progress.none());
            long classes = TaskMetrics.classes(prepared.original());
            Measurement off = Measurements.of(outcomes.get(0), outcomes.get(1), "off", classes);
            Measurement byDefault = Measurements.of(outcomes.get(0), outcomes.get(2), "default", classes);
            Measurement simple = Measurements.of(outcomes.get(0), outcomes.get(3), "off", classes);
            return Row.of(
                    result(prepared, off),
                    metric(byDefault).quantized(),
                    result(prepared, simple),
                    (double) Scratch.size(chosen) / Scratch.size(bench.model()),
                    (System.nanoTime() - start) / 1e9,
                    nibble);
        }
    }

    /// Quantizes as the command line does where nothing but the formats is said.
    static void quantize(
            BenchModel bench,
            Setting setting,
            PreparedModel prepared,
            OrtExecutor executor,
            int threads,
            Path out,
            String nibble) {
        try (DataSet data = DataSet.open(
                bench.calibration().path(), bench.calibration().options(), PreparedModel.inputs(prepared.model()))) {
            Calibrator auto = Calibrator.named("auto", RangeSearch.Percentile.DEFAULT_PERCENT);
            quantize(
                    setting,
                    prepared,
                    data,
                    auto,
                    setting.parameters(),
                    setting.recipe(),
                    executor,
                    threads,
                    out,
                    nibble);
        }
    }

    private static void quantize(
            Setting setting,
            PreparedModel prepared,
            DataSet data,
            Calibrator activations,
            RangeSearch parameters,
            Recipe recipe,
            OrtExecutor executor,
            int threads,
            Path out,
            String nibble) {
        QuantizedModel quantized = QuantizedModel.of(
                prepared.model(),
                Targets.find(TARGET).placementRules(),
                setting.precision(),
                activations,
                parameters,
                recipe,
                Boundary.FLOAT,
                data,
                executor,
                threads,
                MEMORY,
                0,
                new Doctor(),
                RunDirectory.NONE,
                Progress.none());
        ModelWriter.write(quantized.export().model().withProducer("nibble", nibble), out);
    }

    private Row.Result result(PreparedModel prepared, Measurement measured) {
        Metric metric = metric(measured);
        Verdict verdict = ResultDocument.builder(
                        nibble, prepared.info(), TARGET, setting.precision().toString())
                .headline(measured)
                .samples(new Samples(0, metric.n(), false, true, null, null))
                .timings(new Timings(0, 0, 0, 0, 0))
                .reproduce(new Reproduce("bench", 0, Map.of()))
                .machine(new Machine("", "", null, threads, threads, null, ""))
                .build()
                .verdict();
        Double sqnrDb = measured.sqnrDb();
        return new Row.Result(
                metric, sqnrDb == null ? Double.NaN : sqnrDb, verdict.alarming() ? verdict.sentence() : "");
    }

    private static Metric metric(Measurement measurement) {
        return Objects.requireNonNull(measurement.metric(), "the samples have labels");
    }
}
