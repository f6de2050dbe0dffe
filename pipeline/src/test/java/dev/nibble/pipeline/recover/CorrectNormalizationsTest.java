package dev.nibble.pipeline.recover;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
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
import dev.nibble.graph.pass.InferShapes;
import dev.nibble.pipeline.PreparedModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.export.QdqExport;
import dev.nibble.quant.place.Placement;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.Quantization;
import dev.nibble.quant.place.QuantizeModel;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.weight.Scope;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.Targets;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Two normalizations behind sums of which one channel is clipped, as where it is far larger than the others.
class CorrectNormalizationsTest {
    private static final int TOKENS = 10;
    private static final int WIDTH = 8;
    private static final int SAMPLES = 32;

    /// The channel that is far larger, and where its range ends.
    private static final int LARGE = 3;

    private static final float CLIPPED = 6;

    private final OrtExecutor executor = new OrtExecutor();

    @TempDir
    private Path temporary;

    /// @param axis of the second normalization
    private static Model model(int axis) {
        Random random = new Random(3);
        float[] weights = new float[WIDTH * WIDTH];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (float) (0.5 * random.nextGaussian());
        }
        float[] ones = new float[WIDTH];
        java.util.Arrays.fill(ones, 1);
        List<Node> nodes = List.of(
                Node.of("sum1", "Add", List.of("x", "x"), List.of("s1")),
                Node.of(
                        "norm1",
                        "LayerNormalization",
                        List.of("s1", "g1", "b1"),
                        List.of("n1"),
                        Attribute.of("axis", -1)),
                Node.of("dense", "MatMul", List.of("n1", "w"), List.of("d")),
                Node.of("sum2", "Add", List.of("d", "s1"), List.of("s2")),
                Node.of(
                        "norm2",
                        "LayerNormalization",
                        List.of("s2", "g2", "b2"),
                        List.of("y"),
                        Attribute.of("axis", axis)));
        Shape shape = Shape.of(1, TOKENS, WIDTH);
        return new InferShapes()
                .apply(Model.of(
                        8,
                        17,
                        Graph.of(
                                "normalized",
                                nodes,
                                List.of(
                                        Initializer.of("w", Tensor.of(Shape.of(WIDTH, WIDTH), weights)),
                                        Initializer.of("g1", Tensor.of(Shape.of(WIDTH), ones)),
                                        Initializer.of("b1", Tensor.of(Shape.of(WIDTH), new float[WIDTH])),
                                        Initializer.of("g2", Tensor.of(Shape.of(WIDTH), ones)),
                                        Initializer.of("b2", Tensor.of(Shape.of(WIDTH), new float[WIDTH]))),
                                List.of(ValueInfo.of("x", DataType.FLOAT, shape)),
                                List.of(ValueInfo.of("y", DataType.FLOAT, shape)))))
                .model();
    }

    private static PlacementPlan plan(Model model) {
        return Placement.plan(
                model, Targets.find("sm8650").placementRules(), Precision.of(8, WeightGranularity.CHANNEL, 8));
    }

    private static Map<String, Encoding> encodings(PlacementPlan plan) {
        Map<String, Encoding> encodings = new LinkedHashMap<>();
        plan.observedBySource()
                .keySet()
                .forEach(source -> encodings.put(
                        source, Encoding.ofRange(-CLIPPED, source.equals("x") ? 12 : CLIPPED, 8, Symmetry.ASYMMETRIC)));
        return encodings;
    }

    private DataSet samples(Model model) throws IOException {
        Random random = new Random(4);
        float[] values = new float[SAMPLES * TOKENS * WIDTH];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (0.5 * random.nextGaussian() + (i % WIDTH == LARGE ? 6 : 0));
        }
        Path file = NpyFile.write(temporary.resolve("x.npy"), values, SAMPLES, TOKENS, WIDTH);
        return DataSet.open(file, DataOptions.NONE, PreparedModel.inputs(model));
    }

    private CorrectNormalizations.Result corrected(
            PlacementPlan plan, Quantization quantization, Scope scope, DataSet data) {
        return CorrectNormalizations.of(
                plan, quantization, scope, data, executor, 1, Integer.MAX_VALUE, Progress.none());
    }

    /// Of output `y`, by channel: the mean over samples and tokens of float less quantized.
    private double[] shifts(Model exact, PlacementPlan plan, Map<String, Encoding> encodings, DataSet data) {
        Quantization quantization = QuantizeModel.apply(plan, encodings).quantization();
        Model exported = QdqExport.export(plan, quantization, Boundary.FLOAT).model();
        Executor.Options options = new Executor.Options(1, Executor.Optimization.OFF);
        double[] shifts = new double[WIDTH];
        try (Executor.Session floats = executor.open(exact, List.of("y"), options);
                Executor.Session rounded = executor.open(exported, List.of("y"), options)) {
            for (int i = 0; i < data.size(); i++) {
                float[] expected = floats.run(data.sample(i)).get("y").toFloats();
                float[] found = rounded.run(data.sample(i)).get("y").toFloats();
                for (int k = 0; k < found.length; k++) {
                    shifts[k % WIDTH] += (expected[k] - found[k]) / (SAMPLES * TOKENS);
                }
            }
        }
        return shifts;
    }

    private static double largest(double[] values) {
        double largest = 0;
        for (double value : values) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }

    @Test
    void noChannelBehindANormalizationKeepsAShift() throws IOException {
        Model model = model(-1);
        PlacementPlan plan = plan(model);
        Map<String, Encoding> encodings = encodings(plan);
        try (DataSet data = samples(model)) {
            CorrectNormalizations.Result result =
                    corrected(plan, QuantizeModel.apply(plan, encodings).quantization(), Scope.ALL, data);
            assertEquals(List.of("norm1", "norm2"), result.corrected());
            assertEquals(Map.of(), result.skipped());
            double before = largest(shifts(model, plan, encodings, data));
            double after = largest(shifts(model, result.plan(), encodings, data));
            assertTrue(before > 0.3, "before " + before);
            // A third of a step of the output, and what shrinking keeps back.
            assertTrue(after < 0.02, "after " + after);
        }
    }

    @Test
    void whatIsNotInScopeOrNormalizesMoreThanTheLastAxisIsNamed() throws IOException {
        Model model = model(1);
        PlacementPlan plan = plan(model);
        try (DataSet data = samples(model)) {
            Quantization quantization =
                    QuantizeModel.apply(plan, encodings(plan)).quantization();
            CorrectNormalizations.Result result = corrected(plan, quantization, new Scope(List.of("norm2")), data);
            assertSame(plan, result.plan());
            assertEquals(
                    Map.of("norm1", "it is not in the step's scope", "norm2", "it normalizes more than the last axis"),
                    result.skipped());
        }
    }

    @Test
    void paddingDoesNotCount() {
        boolean[] tokens = {true, true, false, true, false, false};
        // Two samples of three tokens each, of which the mask leaves two and one.
        PairedStreams.Read batch = new PairedStreams.Read(0, 2, 2, tokens);
        List<Boolean> counted = new ArrayList<>();
        for (int row = 0; row < 6; row++) {
            counted.add(batch.counts(row, 6, 2));
        }
        assertEquals(List.of(true, true, false, true, false, false), counted);
        // A fixed batch of two, the second row of which repeats the only sample.
        PairedStreams.Read filled = new PairedStreams.Read(0, 1, 2, null);
        assertTrue(filled.counts(2, 6, 2));
        assertFalse(filled.counts(3, 6, 2));
    }
}
