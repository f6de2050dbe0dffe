package dev.nibble.pipeline.recover;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.pass.InferShapes;
import dev.nibble.pipeline.PreparedModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.quant.place.Overrides;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.run.OrtExecutor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Attention with a rotary embedding: four heads of queries on two heads of keys.
class RotateKeysTest {
    private static final int TOKENS = 12;
    private static final int WIDTH = 16;
    private static final int SIZE = 4;
    private static final int HEADS = 4;
    private static final int SAMPLES = 8;

    /// What every key has: each head far from zero in another channel, with another sign.
    private static final float[] KEY_BIAS = {6, 0.1f, -0.2f, 5, 0, -7, -6, 0.3f};

    private final OrtExecutor executor = new OrtExecutor();

    @TempDir
    private Path temporary;

    private static Initializer weight(String name, int columns, Random random) {
        float[] values = new float[WIDTH * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (0.2 * random.nextGaussian());
        }
        return Initializer.of(name, Tensor.of(Shape.of(WIDTH, columns), values));
    }

    private static Initializer integers(String name, long... values) {
        return Initializer.of(name, Tensor.of(Shape.of(values.length), values));
    }

    /// @param uneven turns the second half of each head by other angles than the first
    private static Initializer table(String name, boolean cosine, boolean uneven) {
        float[] values = new float[TOKENS * SIZE];
        for (int token = 0; token < TOKENS; token++) {
            for (int i = 0; i < SIZE; i++) {
                double frequency = i % 2 == 0 ? 1 : 0.1;
                double angle = token * frequency * (uneven && i >= SIZE / 2 ? 2 : 1);
                values[token * SIZE + i] = (float) (cosine ? Math.cos(angle) : Math.sin(angle));
            }
        }
        return Initializer.of(name, Tensor.of(Shape.of(TOKENS, SIZE), values));
    }

    private static List<Node> embedded(String of) {
        return List.of(
                Node.of(of + "1", "Reshape", List.of(of + ".made", of + ".heads"), List.of(of + ".r")),
                Node.of(
                        of + "2",
                        "Transpose",
                        List.of(of + ".r"),
                        List.of(of + ".t"),
                        Attribute.ofInts("perm", 0, 2, 1, 3)),
                Node.of(of + "3", "Slice", List.of(of + ".t", "zero", "half", "axis"), List.of(of + ".a")),
                Node.of(of + "4", "Slice", List.of(of + ".t", "half", "size", "axis"), List.of(of + ".b")),
                Node.of(of + "5", "Neg", List.of(of + ".b"), List.of(of + ".n")),
                Node.of(
                        of + "6",
                        "Concat",
                        List.of(of + ".n", of + ".a"),
                        List.of(of + ".rotated"),
                        Attribute.of("axis", -1)),
                Node.of(of + "7", "Mul", List.of(of + ".t", "cos"), List.of(of + ".c")),
                Node.of(of + "8", "Mul", List.of(of + ".rotated", "sin"), List.of(of + ".s")),
                Node.of(of + "9", "Add", List.of(of + ".c", of + ".s"), List.of(of + ".e")));
    }

    private static Model attention(boolean uneven, Dim tokens) {
        Random random = new Random(5);
        List<Node> nodes = new ArrayList<>();
        nodes.add(Node.of("q", "MatMul", List.of("x", "q.w"), List.of("q.made")));
        nodes.addAll(embedded("q"));
        nodes.add(Node.of("k", "MatMul", List.of("x", "k.w"), List.of("k.product")));
        nodes.add(Node.of("kb", "Add", List.of("k.product", "k.bias"), List.of("k.made")));
        nodes.addAll(embedded("k"));
        nodes.add(Node.of("u", "Unsqueeze", List.of("k.e", "two"), List.of("k.u")));
        nodes.add(Node.of("c", "Concat", List.of("k.u", "k.u"), List.of("k.copies"), Attribute.of("axis", 2)));
        nodes.add(Node.of("l", "Reshape", List.of("k.copies", "all"), List.of("k.all")));
        nodes.add(Node.of(
                "kt", "Transpose", List.of("k.all"), List.of("k.turned"), Attribute.ofInts("perm", 0, 1, 3, 2)));
        nodes.add(Node.of("qk", "MatMul", List.of("q.e", "k.turned"), List.of("scores")));
        nodes.add(Node.of("p", "Softmax", List.of("scores"), List.of("y"), Attribute.of("axis", -1)));
        return Model.of(
                8,
                17,
                Graph.of(
                        "rotary",
                        nodes,
                        List.of(
                                weight("q.w", HEADS * SIZE, random),
                                weight("k.w", 2 * SIZE, random),
                                Initializer.of("k.bias", Tensor.of(Shape.of(2 * SIZE), KEY_BIAS)),
                                table("cos", true, uneven),
                                table("sin", false, uneven),
                                integers("q.heads", 0, TOKENS, HEADS, SIZE),
                                integers("k.heads", 0, TOKENS, 2, SIZE),
                                integers("zero", 0),
                                integers("half", SIZE / 2),
                                integers("size", SIZE),
                                integers("axis", 3),
                                integers("two", 2),
                                integers("all", 0, HEADS, TOKENS, SIZE)),
                        List.of(new ValueInfo(
                                "x",
                                new ValueType.TensorType(
                                        DataType.FLOAT.code(),
                                        List.of(new Dim.Known(1), tokens, new Dim.Known(WIDTH)),
                                        null))),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, HEADS, TOKENS, TOKENS)))));
    }

    private DataSet samples(Model model) throws IOException {
        Random random = new Random(6);
        float[] values = new float[SAMPLES * TOKENS * WIDTH];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        Path file = NpyFile.write(temporary.resolve("x.npy"), values, SAMPLES, TOKENS, WIDTH);
        return DataSet.open(file, DataOptions.NONE, PreparedModel.inputs(model));
    }

    private PrepareChannels.Result rotated(Model model, DataSet data) {
        return prepared(model, Recipe.ofAlgorithms(List.of("rotate-keys")), data);
    }

    private PrepareChannels.Result prepared(Model model, Recipe recipe, DataSet data) {
        return PrepareChannels.of(
                model, recipe, Overrides.NONE, data, executor, 1, RunDirectory.NONE, Optional.empty(), Progress.none());
    }

    private static Model prepared(boolean uneven, Dim tokens) {
        return new InferShapes().apply(attention(uneven, tokens)).model();
    }

    private static Model prepared(boolean uneven) {
        return prepared(uneven, new Dim.Known(TOKENS));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void keysOfAllHeadsGetOneSignAndTheirProductsStay(boolean anyLength) throws IOException {
        Model model = prepared(false, anyLength ? new Dim.Symbol("tokens") : new Dim.Known(TOKENS));
        try (DataSet data = samples(model)) {
            PrepareChannels.Result result = rotated(model, data);
            assertEquals(
                    List.of("k: turned 4 pairs of channels in 2 heads, and those of q with them"),
                    result.passes().getFirst().changes());
            Executor.Options options = new Executor.Options(1, Executor.Optimization.OFF);
            float least = Float.POSITIVE_INFINITY;
            float most = Float.NEGATIVE_INFINITY;
            try (Executor.Session before = executor.open(model, List.of("y"), options);
                    Executor.Session after = executor.open(result.model(), List.of("y", "k.made"), options)) {
                for (int i = 0; i < data.size(); i++) {
                    Map<String, Tensor> sample = data.sample(i);
                    float[] expected = before.run(sample).get("y").toFloats();
                    Map<String, Tensor> seen = after.run(sample);
                    float[] found = seen.get("y").toFloats();
                    for (int k = 0; k < found.length; k++) {
                        // Scores up to 60 in floats, whose differences Softmax raises to powers.
                        assertEquals(expected[k], found[k], 1e-4);
                    }
                    for (float key : seen.get("k.made").toFloats()) {
                        least = Math.min(least, key);
                        most = Math.max(most, key);
                    }
                }
            }
            // Before, keys reached from about −10 to 9.
            assertTrue(least > -4, "least " + least);
            assertTrue(most < 9, "most " + most);
        }
    }

    @Test
    void anEmbeddingThatTurnsTheHalvesDifferentlyIsLeftAlone() throws IOException {
        Model model = prepared(true);
        try (DataSet data = samples(model)) {
            PrepareChannels.Result result = rotated(model, data);
            assertSame(model, result.model());
            assertTrue(
                    result.passes().getFirst().skipped().getFirst().reason().contains("turned keys change its outputs"),
                    () -> result.passes().toString());
        }
    }

    @Test
    void theStandardRecipeTurnsKeysAtW8A8AndSaysNothingOfModelsWithout() throws IOException {
        Recipe standard = Recipe.standard(Precision.of(8, WeightGranularity.CHANNEL, 8), true);
        Model model = prepared(false);
        try (DataSet data = samples(model)) {
            assertEquals(1, prepared(model, standard, data).passes().size());
            Model without = model.withGraph(model.graph()
                    .edit(edit -> edit.replace(
                            model.graph().producer("k.e").orElseThrow(),
                            Node.of("k9", "Sub", List.of("k.c", "k.s"), List.of("k.e")))));
            assertEquals(List.of(), prepared(without, standard, data).passes());
            assertEquals(
                    "it has no queries and keys with a rotary embedding in halves",
                    rotated(without, data)
                            .passes()
                            .getFirst()
                            .skipped()
                            .getFirst()
                            .reason());
        }
        for (Precision precision : List.of(
                Precision.of(4, WeightGranularity.CHANNEL, 8),
                Precision.of(8, WeightGranularity.CHANNEL, 16),
                Precision.weightsOnly(8, WeightGranularity.CHANNEL))) {
            assertFalse(Recipe.standard(precision, true).has(Algorithm.ROTATE_KEYS), precision::toString);
        }
    }
}
