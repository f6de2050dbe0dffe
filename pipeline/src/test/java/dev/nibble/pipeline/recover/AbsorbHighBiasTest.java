package dev.nibble.pipeline.recover;

import static org.junit.jupiter.api.Assertions.assertEquals;
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
import dev.nibble.pipeline.PreparedModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.quant.place.Overrides;
import dev.nibble.report.PassRecord;
import dev.nibble.run.OrtExecutor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AbsorbHighBiasTest {
    private static final int SAMPLES = 16;
    private static final int SIDE = 5;

    private final OrtExecutor executor = new OrtExecutor();

    @TempDir
    private Path temporary;

    private static Initializer constant(String name, Shape shape, double scale, Random random) {
        float[] values = new float[(int) shape.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (scale * random.nextGaussian());
        }
        return Initializer.of(name, Tensor.of(shape, values));
    }

    /// Convolution of 2 channels into 4 (biases 3, 3, 0 and −9), an activation, a convolution of two groups that pads by
    /// `pad`.
    private static Model model(Node activation, int pad) {
        Random random = new Random(3);
        return Model.of(
                8,
                13,
                Graph.of(
                        "biased",
                        List.of(
                                Node.of("a", "Conv", List.of("x", "a.w", "a.b"), List.of("a")),
                                activation,
                                Node.of(
                                        "y",
                                        "Conv",
                                        List.of("r", "y.w", "y.b"),
                                        List.of("y"),
                                        Attribute.of("group", 2),
                                        Attribute.ofInts("pads", pad, pad, pad, pad))),
                        List.of(
                                constant("a.w", Shape.of(4, 2, 1, 1), 0.3, random),
                                Initializer.of("a.b", Tensor.of(Shape.of(4), 3f, 3f, 0f, -9f)),
                                constant("y.w", Shape.of(4, 2, 3, 3), 1, random),
                                constant("y.b", Shape.of(4), 1, random),
                                Initializer.of("low", Tensor.of(Shape.SCALAR, 0f)),
                                Initializer.of("high", Tensor.of(Shape.SCALAR, 3.1f))),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 2, SIDE, SIDE))),
                        List.of(ValueInfo.of(
                                "y", DataType.FLOAT, Shape.of(1, 4, SIDE - 2 + 2 * pad, SIDE - 2 + 2 * pad)))));
    }

    private record Absorbed(Model model, PassRecord pass, double largestDifference, int differing) {}

    private Absorbed absorbed(Model model) throws IOException {
        Random random = new Random(4);
        float[] values = new float[SAMPLES * 2 * SIDE * SIDE];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextFloat();
        }
        Path file = NpyFile.write(temporary.resolve("x.npy"), values, SAMPLES, 2, SIDE, SIDE);
        try (DataSet data = DataSet.open(file, DataOptions.NONE, PreparedModel.inputs(model))) {
            PrepareChannels.Result result = PrepareChannels.of(
                    model,
                    Recipe.ofAlgorithms(List.of("absorb-high-bias")),
                    Overrides.NONE,
                    data,
                    executor,
                    1,
                    RunDirectory.NONE,
                    Optional.empty(),
                    Progress.none());
            Executor.Options options = new Executor.Options(1, Executor.Optimization.OFF);
            double largest = 0;
            int differing = 0;
            try (Executor.Session before = executor.open(model, List.of("y"), options);
                    Executor.Session after = executor.open(result.model(), List.of("y"), options)) {
                for (int i = 0; i < data.size(); i++) {
                    Map<String, Tensor> sample = data.sample(i);
                    float[] expected = before.run(sample).get("y").toFloats();
                    float[] found = after.run(sample).get("y").toFloats();
                    for (int k = 0; k < found.length; k++) {
                        double difference = Math.abs(found[k] - expected[k]);
                        largest = Math.max(largest, difference);
                        differing += difference > 1e-4 ? 1 : 0;
                    }
                }
            }
            return new Absorbed(result.model(), result.passes().getFirst(), largest, differing);
        }
    }

    private static float[] biases(Model model) {
        return model.graph().initializer("a.b").orElseThrow().tensor().toFloats();
    }

    /// Sums of 18 products of numbers up to about 5: floats round at 1e-6 of that.
    @Test
    void isExactBehindReluAndLowersWhatNeverReachesZero() throws IOException {
        Absorbed absorbed = absorbed(model(Node.of("relu", "Relu", List.of("a"), List.of("r")), 0));
        assertTrue(absorbed.largestDifference() < 1e-4, "" + absorbed.largestDifference());
        float[] lowered = biases(absorbed.model());
        // The weights move 3 by less than 1 either way.
        assertTrue(lowered[0] < 1 && lowered[1] < 1, lowered[0] + ", " + lowered[1]);
        assertEquals(-9, lowered[3]);
        assertTrue(
                absorbed.pass().changes().getFirst().startsWith("a: lowered 2 of 4 channels by up to"),
                () -> absorbed.pass().toString());
    }

    @Test
    void saysThatItIsInexactAtPaddingAndAtTheCap() throws IOException {
        Absorbed padded = absorbed(model(Node.of("relu", "Relu", List.of("a"), List.of("r")), 1));
        // 16 of the 25 positions lie at an edge.
        assertTrue(padded.differing() > 0 && padded.differing() <= SAMPLES * 4 * 16, "" + padded.differing());
        assertTrue(
                padded.pass().changes().getFirst().contains("inexact at the edges, where 1 layers pad"),
                () -> padded.pass().toString());
        Absorbed capped = absorbed(model(Node.of("clip", "Clip", List.of("a", "low", "high"), List.of("r")), 0));
        assertTrue(capped.largestDifference() > 1e-3, "" + capped.largestDifference());
        assertTrue(
                capped.pass().changes().getFirst().contains("channels that reach the cap"),
                () -> capped.pass().toString());
    }

    @Test
    void saysWhereNothingCanTakeItUp() throws IOException {
        Model model = model(Node.of("relu", "Relu", List.of("a"), List.of("r")), 0);
        Model shown = model.withGraph(Graph.of(
                "biased",
                model.graph().nodes().subList(0, 2),
                model.graph().initializers().subList(0, 2),
                model.graph().inputs(),
                List.of(ValueInfo.of("r", DataType.FLOAT, Shape.of(1, 4, SIDE, SIDE)))));
        Path file = NpyFile.write(temporary.resolve("x.npy"), new float[2 * SIDE * SIDE], 1, 2, SIDE, SIDE);
        try (DataSet data = DataSet.open(file, DataOptions.NONE, PreparedModel.inputs(shown))) {
            PrepareChannels.Result result = PrepareChannels.of(
                    shown,
                    Recipe.ofAlgorithms(List.of("absorb-high-bias")),
                    Overrides.NONE,
                    data,
                    executor,
                    1,
                    RunDirectory.NONE,
                    Optional.empty(),
                    Progress.none());
            assertEquals(
                    "its activation is the graph's output",
                    result.passes().getFirst().skipped().getFirst().reason());
        }
    }
}
