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
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.report.Measurement;
import dev.nibble.report.Metric;
import dev.nibble.run.OrtExecutor;
import dev.nibble.run.PeakMemory;
import dev.nibble.target.Targets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Consumer;

/// What each recipe gets back, and what it costs: `tools/bench.sh recovery [part of a row's name…]`.
final class RecoveryTable {
    private static final String TARGET = "sm8650";
    private static final int MEASURED_BATCH = 8;
    private static final int THREADS = 2;

    private final Path root;
    private final Path shared;
    private final Consumer<String> out;
    private final OrtExecutor executor = new OrtExecutor();

    /// A line of the table.
    ///
    /// @param gate percent that must be reached
    /// @param goal percent that is aimed at
    record Line(String name, BenchModel model, Precision precision, Recipe recipe, double gate, double goal) {}

    RecoveryTable(Path root, Path shared, Consumer<String> out) {
        this.root = root;
        this.shared = shared;
        this.out = out;
    }

    private List<Line> lines() {
        BenchModel resnet8 = BenchModel.cifar(shared, "resnet8", "mlperftiny_resnet8_cifar10", false, 512, 5000);
        BenchModel resnet20 = BenchModel.cifar(shared, "resnet20", "cifar10_resnet20", true, 512, 5000);
        BenchModel resnet56 = BenchModel.cifar(shared, "resnet56", "cifar10_resnet56", true, 512, 5000);
        BenchModel kws = BenchModel.kws(shared);
        BenchModel mobileNet = BenchModel.mobileNet(shared);
        Precision w4a8 = Precision.of(4, WeightGranularity.CHANNEL, 8);
        Precision channels = Precision.of(8, WeightGranularity.CHANNEL, 8);
        Precision tensors = Precision.of(8, WeightGranularity.TENSOR, 8);
        List<Line> lines = new ArrayList<>();
        for (Recipe recipe : List.of(Recipe.PLAIN, Recipe.DEFAULT, Recipe.W4)) {
            lines.add(new Line("resnet8 W4A8", resnet8, w4a8, recipe, 85.8, 86.6));
            lines.add(new Line("resnet20 W4A8", resnet20, w4a8, recipe, 91.2, 91.5));
            // The gate of all 10,000 images, of which half are in the assets.
            lines.add(new Line("resnet56 W4A8", resnet56, w4a8, recipe, 92.8, 93.2));
            lines.add(new Line("KWS W4A8", kws, w4a8, recipe, 89.0, 89.7));
            lines.add(new Line("MobileNetV1 W8A8 per channel", mobileNet, channels, recipe, 79.0, 80.0));
            lines.add(new Line(
                    "MobileNetV1 W8A8 per tensor",
                    mobileNet,
                    tensors,
                    recipe.equals(Recipe.W4) ? Recipe.ENHANCED : recipe,
                    78.3,
                    79.6));
            lines.add(new Line("MobileNetV1 W4A8", mobileNet, w4a8, recipe, 74.5, 77));
        }
        return lines;
    }

    /// Measures the lines whose name and recipe contain all of `wanted`.
    boolean run(List<String> wanted) {
        out.accept("| | recipe | float % | quantized % | logits | calibrated + quantized | peak memory so far "
                + "| gate % | goal % | |");
        out.accept("|---|---|---|---|---|---|---|---|---|---|");
        boolean all = true;
        for (Line line : lines()) {
            String name = line.name() + " " + line.recipe().shown() + " "
                    + line.recipe().name();
            if (wanted.stream().allMatch(name::contains)) {
                all &= measure(line);
            }
        }
        return all;
    }

    private boolean measure(Line line) {
        BenchModel bench = line.model();
        PreparedModel prepared =
                PreparedModel.read(bench.model(), bench.model().toString(), bench.shapes(), executor, Progress.none());
        List<InputSpec> inputs = PreparedModel.inputs(prepared.model());
        Path folder = root.resolve(".nibble/bench");
        Path file = folder.resolve("recovered.onnx");
        Scratch.create(folder);
        QuantizedModel quantized;
        try (DataSet data =
                DataSet.open(bench.calibration().path(), bench.calibration().options(), inputs)) {
            boolean plain = line.recipe().equals(Recipe.PLAIN);
            boolean wide = line.precision().weightBits() >= 8;
            quantized = QuantizedModel.of(
                    prepared.model(),
                    Targets.find(TARGET).placementRules(),
                    line.precision(),
                    plain
                            ? new Calibrator.Single(new RangeSearch.MinMax())
                            : Calibrator.named("auto", RangeSearch.Percentile.DEFAULT_PERCENT),
                    plain || wide ? new RangeSearch.MinMax() : new RangeSearch.Mse(),
                    line.recipe(),
                    Boundary.FLOAT,
                    data,
                    executor,
                    THREADS,
                    MeasureRow.MEMORY,
                    0,
                    new Doctor(),
                    Progress.none());
        }
        ModelWriter.write(quantized.export().model(), file);
        long peak = PeakMemory.rssBytes();
        List<Variant> variants = List.of(
                new Variant("float", prepared.original(), Executor.Optimization.DEFAULT),
                new Variant("off", ModelReader.read(file), Executor.Optimization.OFF));
        try (DataSet data =
                DataSet.open(bench.evaluation().path(), bench.evaluation().options(), inputs)) {
            List<Evaluation.Outcome> outcomes = Evaluation.of(
                    variants,
                    data,
                    TaskMetrics.choose("auto", prepared.original(), data),
                    executor,
                    THREADS,
                    MEASURED_BATCH,
                    new Doctor(),
                    Progress.none());
            Measurement measured =
                    Measurements.of(outcomes.get(0), outcomes.get(1), "off", TaskMetrics.classes(prepared.original()));
            Metric metric = Objects.requireNonNull(measured.metric(), "the samples have labels");
            double percent = metric.quantized() * 100;
            out.accept(String.format(
                    Locale.ROOT,
                    "| %s | %s | %.2f | %.2f | %.1f dB | %.1f + %.1f s | %.2f GB | %.1f | %.1f | %s |",
                    line.name(),
                    line.recipe().name().isEmpty()
                            ? line.recipe().shown()
                            : line.recipe().name(),
                    metric.floatValue() * 100,
                    percent,
                    measured.sqnrDb(),
                    quantized.calibrateSeconds(),
                    quantized.quantizeSeconds(),
                    peak / 1e9,
                    line.gate(),
                    line.goal(),
                    percent >= line.gate() ? "holds" : recovers(line) ? "**missed**" : "–"));
            return percent >= line.gate() || !recovers(line);
        }
    }

    /// Whether a line is held to its gate; the others show where it starts from.
    private static boolean recovers(Line line) {
        return line.recipe().weights().isPresent();
    }
}
