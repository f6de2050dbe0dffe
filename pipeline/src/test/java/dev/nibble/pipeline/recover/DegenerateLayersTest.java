package dev.nibble.pipeline.recover;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.pipeline.PreparedModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.QuantizedModel;
import dev.nibble.pipeline.calibrate.Calibrator;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.measure.SignalToNoise;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.Targets;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A network with a channel of no weights, one that never fires, two that are alike, inputs that are alike (so that
/// covariances are singular) and an input that is always 0.
class DegenerateLayersTest {
    private static final int SAMPLES = 24;
    private static final int SIDE = 6;
    private static final int CHANNELS = 6;

    @TempDir
    private Path temporary;

    private static Initializer random(String name, Shape shape, Random random) {
        float[] values = new float[(int) shape.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Initializer.of(name, Tensor.of(shape, values));
    }

    private static Node conv(String name, String in, int group, int pad) {
        return Node.of(
                name,
                "Conv",
                List.of(in, name + ".w", name + ".b"),
                List.of(name),
                Attribute.of("group", group),
                Attribute.ofInts("pads", pad, pad, pad, pad));
    }

    private static Model model() {
        Random random = new Random(1);
        float[] first =
                random("a.w", Shape.of(CHANNELS, 4, 3, 3), random).tensor().toFloats();
        int row = 4 * 9;
        for (int k = 0; k < row; k++) {
            first[k] = 0;
            first[row + k] = -Math.abs(first[row + k]) / 10;
            first[3 * row + k] = first[2 * row + k];
        }
        return Model.of(
                8,
                13,
                Graph.of(
                        "degenerate",
                        List.of(
                                conv("a", "x", 1, 1),
                                Node.of("relu", "Relu", List.of("a"), List.of("r")),
                                conv("d", "r", CHANNELS, 1),
                                conv("y", "d", 1, 0)),
                        List.of(
                                Initializer.of("a.w", Tensor.of(Shape.of(CHANNELS, 4, 3, 3), first)),
                                Initializer.of("a.b", Tensor.of(Shape.of(CHANNELS), 0f, -1f, 0.1f, 0.1f, 0.2f, 0f)),
                                random("d.w", Shape.of(CHANNELS, 1, 3, 3), random),
                                random("d.b", Shape.of(CHANNELS), random),
                                random("y.w", Shape.of(4, CHANNELS, 1, 1), random),
                                random("y.b", Shape.of(4), random)),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 4, SIDE, SIDE))),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 4, SIDE, SIDE)))));
    }

    /// Channel 0 is always 0, 2 and 3 are alike; none is negative.
    private Path samples() throws IOException {
        Random random = new Random(2);
        float[] values = new float[SAMPLES * 4 * SIDE * SIDE];
        int area = SIDE * SIDE;
        for (int i = 0; i < values.length; i++) {
            int channel = i / area % 4;
            values[i] = channel == 0 ? 0 : channel == 3 ? values[i - area] : random.nextFloat();
        }
        return NpyFile.write(temporary.resolve("samples.npy"), values, SAMPLES, 4, SIDE, SIDE);
    }

    private QuantizedModel quantized(PreparedModel prepared, DataSet data, Recipe recipe, OrtExecutor executor) {
        return QuantizedModel.of(
                prepared.model(),
                Targets.find("sm8650").placementRules(),
                Precision.of(4, WeightGranularity.CHANNEL, 8),
                new Calibrator.Single(new RangeSearch.MinMax()),
                new RangeSearch.MinMax(),
                recipe,
                Boundary.FLOAT,
                data,
                executor,
                1,
                MemoryBudget.DEFAULT,
                0,
                new Doctor(),
                RunDirectory.NONE,
                Progress.none());
    }

    private static double decibels(
            PreparedModel prepared, QuantizedModel quantized, DataSet data, OrtExecutor executor) {
        Executor.Options options = new Executor.Options(1, Executor.Optimization.OFF);
        SignalToNoise sum = null;
        try (Executor.Session floats = executor.open(prepared.original(), List.of("y"), options);
                Executor.Session rounded = executor.open(quantized.export().model(), List.of("y"), options)) {
            for (int i = 0; i < data.size(); i++) {
                Map<String, Tensor> sample = data.sample(i);
                SignalToNoise one = SignalToNoise.of(
                        floats.run(sample).get("y"), rounded.run(sample).get("y"));
                sum = sum == null ? one : sum.plus(one);
            }
        }
        return sum.decibels();
    }

    @Test
    void areQuantizedByEveryRecipeAndSaid() throws IOException {
        OrtExecutor executor = new OrtExecutor();
        Path file = temporary.resolve("model.onnx");
        ModelWriter.write(model(), file);
        PreparedModel prepared = PreparedModel.read(file, "degenerate", Map.of(), executor, Progress.none());
        try (DataSet data = DataSet.open(samples(), DataOptions.NONE, PreparedModel.inputs(prepared.model()))) {
            double plain = decibels(prepared, quantized(prepared, data, Recipe.PLAIN, executor), data, executor);
            for (Recipe recipe : List.of(Recipe.W4, Recipe.ENHANCED)) {
                QuantizedModel made = quantized(prepared, data, recipe, executor);
                for (Initializer constant : made.plan().model().graph().initializers()) {
                    if (constant.type() == DataType.FLOAT) {
                        for (float value : constant.tensor().toFloats()) {
                            assertTrue(Float.isFinite(value), () -> constant.name() + " holds " + value);
                        }
                    }
                }
                double recovered = decibels(prepared, made, data, executor);
                assertTrue(recovered > plain, recovered + " dB after " + plain);
            }
            QuantizedModel made = quantized(prepared, data, Recipe.W4, executor);
            assertEquals(
                    "what 2 of its 6 groups read is the same on all samples, so its weights were rounded to nearest",
                    made.recovered().skipped().get("d"));
        }
    }
}
