package dev.nibble.pipeline.recover;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.pipeline.PreparedModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.pipeline.recover.Algorithm.Choice;
import dev.nibble.quant.place.Overrides;
import dev.nibble.quant.weight.Scope;
import dev.nibble.run.OrtExecutor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ChooseCapsTest {
    private static final int SAMPLES = 16;
    private static final int SIDE = 5;
    private static final int CHANNELS = 4;

    private final OrtExecutor executor = new OrtExecutor();

    @TempDir
    private Path temporary;

    /// How a Clip has its bounds.
    enum Bounds {
        INITIALIZERS,
        CONSTANTS,
        ATTRIBUTES
    }

    /// Convolution of 2 channels into 4, whose rows differ tenfold each, a Clip at `cap`, a convolution of all. Channels
    /// lie around 3, the first up to about 200.
    private static Model model(Bounds bounds, int opset, float cap) {
        Random random = new Random(5);
        float[] rows = new float[CHANNELS * 2];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = (float) (300 * (random.nextFloat() - 0.5) * Math.pow(10, -(i / 2)));
        }
        float[] columns = new float[3 * CHANNELS];
        for (int i = 0; i < columns.length; i++) {
            columns[i] = (float) random.nextGaussian();
        }
        List<Node> nodes = new ArrayList<>();
        List<Initializer> constants = new ArrayList<>(List.of(
                Initializer.of("a.w", Tensor.of(Shape.of(CHANNELS, 2, 1, 1), rows)),
                Initializer.of("a.b", Tensor.of(Shape.of(CHANNELS), 3f, 3f, 3f, 3f)),
                Initializer.of("y.w", Tensor.of(Shape.of(3, CHANNELS, 1, 1), columns)),
                Initializer.of("y.b", Tensor.of(Shape.of(3), 1f, 0f, -1f))));
        Initializer low = Initializer.of("low", Tensor.of(Shape.SCALAR, 0f));
        Initializer high = Initializer.of("high", Tensor.of(Shape.SCALAR, cap));
        Node clip = Node.of("clip", "Clip", List.of("a", "low", "high"), List.of("r"));
        switch (bounds) {
            case INITIALIZERS -> constants.addAll(List.of(low, high));
            case CONSTANTS -> {
                nodes.add(Node.of("", "Constant", List.of(), List.of("low"), Attribute.of("value", low)));
                nodes.add(Node.of("", "Constant", List.of(), List.of("high"), Attribute.of("value", high)));
            }
            case ATTRIBUTES ->
                clip = Node.of(
                        "clip", "Clip", List.of("a"), List.of("r"), Attribute.of("min", 0f), Attribute.of("max", cap));
        }
        nodes.add(Node.of("a", "Conv", List.of("x", "a.w", "a.b"), List.of("a")));
        nodes.add(clip);
        nodes.add(Node.of("y", "Conv", List.of("r", "y.w", "y.b"), List.of("y")));
        return Model.of(
                8,
                opset,
                Graph.of(
                        "capped",
                        nodes,
                        constants,
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 2, SIDE, SIDE))),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 3, SIDE, SIDE)))));
    }

    private static Recipe caps(String word) {
        return new Recipe(
                "", List.of(new Recipe.Step(Algorithm.EQUALIZE, Scope.ALL, Map.of(), Map.of(Choice.CAPS, word))));
    }

    /// @param differences the largest of the output on the samples
    private record Prepared(Model model, List<String> changes, String skipped, double differences) {
        long count(String op) {
            return model.graph().nodes().stream().filter(node -> node.is(op)).count();
        }
    }

    private Prepared prepared(Model model, String word, RunDirectory run, Optional<CapsTrial> trial)
            throws IOException {
        Random random = new Random(4);
        float[] values = new float[SAMPLES * 2 * SIDE * SIDE];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextFloat() - 0.5f;
        }
        Path file = NpyFile.write(temporary.resolve("x.npy"), values, SAMPLES, 2, SIDE, SIDE);
        try (DataSet data = DataSet.open(file, DataOptions.NONE, PreparedModel.inputs(model))) {
            PrepareChannels.Result result = PrepareChannels.of(
                    model, caps(word), Overrides.NONE, data, executor, 1, run, trial, Progress.none());
            Executor.Options options = new Executor.Options(1, Executor.Optimization.OFF);
            double largest = 0;
            try (Executor.Session before = executor.open(model, List.of("y"), options);
                    Executor.Session after = executor.open(result.model(), List.of("y"), options)) {
                for (int i = 0; i < data.size(); i++) {
                    float[] expected = before.run(data.sample(i)).get("y").toFloats();
                    float[] found = after.run(data.sample(i)).get("y").toFloats();
                    for (int k = 0; k < found.length; k++) {
                        largest = Math.max(largest, Math.abs(found[k] - expected[k]));
                    }
                }
            }
            var pass = result.passes().getFirst();
            return new Prepared(result.model(), pass.changes(), pass.skipped().toString(), largest);
        }
    }

    private Prepared prepared(Model model, String word) throws IOException {
        return prepared(model, word, RunDirectory.NONE, Optional.empty());
    }

    /// Sums of 4 products of numbers around 3: floats round at 1e-6 of that.
    @ParameterizedTest
    @CsvSource({"INITIALIZERS, 13", "CONSTANTS, 13", "ATTRIBUTES, 10"})
    void exactCapsComputeTheSameWhileEveryChannelIsScaled(Bounds bounds, int opset) throws IOException {
        Model model = model(bounds, opset, 3);
        Prepared exact = prepared(model, "exact");
        assertTrue(exact.differences() < 1e-4, "" + exact.differences());
        assertEquals(1, exact.count("Min"));
        assertEquals(1, exact.count("Clip"));
        assertTrue(exact.changes().getLast().contains("behind 1 Clip"), exact.changes()::toString);
        Node min = exact.model().graph().producer("r").orElseThrow();
        assertEquals(
                Shape.of(CHANNELS, 1, 1),
                exact.model().graph().initializer(min.input(1)).orElseThrow().shape());
        Prepared kept = prepared(model, "kept");
        assertEquals(model.graph().nodes(), kept.model().graph().nodes());
        assertTrue(kept.skipped().contains("4 channels reach their cap"), kept::skipped);
    }

    @ParameterizedTest
    @EnumSource(names = "ATTRIBUTES")
    void minDoesNotBroadcastInOldOpsets(Bounds bounds) throws IOException {
        Prepared exact = prepared(model(bounds, 7, 3), "exact");
        assertEquals(0, exact.count("Min"));
        assertTrue(exact.skipped().contains("Min does not broadcast before opset 8"), exact::skipped);
        assertTrue(exact.differences() < 1e-4, "" + exact.differences());
    }

    @Test
    void reluStandsWhereTheCapDoesNotBindAndTheShareIsSaid() throws IOException {
        Prepared free = prepared(model(Bounds.INITIALIZERS, 13, 600), "relu");
        assertEquals(1, free.count("Relu"));
        assertEquals(0, free.count("Clip"));
        assertTrue(free.changes().getLast().contains("at most 0.000 % exceed the cap"), free.changes()::toString);
        assertTrue(free.differences() < 1e-4, "" + free.differences());
        Prepared bound = prepared(model(Bounds.INITIALIZERS, 13, 3), "relu");
        assertEquals(1, bound.count("Clip"));
        assertTrue(bound.skipped().contains("% of the values exceed the cap of 3.0, more than 0.1 %"), bound::skipped);
        assertTrue(bound.differences() < 1e-4, "" + bound.differences());
    }

    /// A trial that likes Min by so much.
    private record Liking(double minDb) implements CapsTrial {
        @Override
        public double sqnrDb(Model model, Model candidate) {
            return candidate.graph().nodes().stream().anyMatch(node -> node.is("Min")) ? 20 + minDb : 20;
        }

        @Override
        public String follows() {
            return "liking" + minDb;
        }
    }

    @Test
    void autoTakesMinOnlyForABitOfSignalAndPrintsTheTable() throws IOException {
        Model model = model(Bounds.INITIALIZERS, 13, 3);
        Prepared much = prepared(model, "auto", RunDirectory.NONE, Optional.of(new Liking(7)));
        assertEquals(1, much.count("Min"));
        assertTrue(
                much.changes().getLast().endsWith("kept 20.00 dB, exact 27.00 dB, relu changes nothing → exact"),
                much.changes()::toString);
        for (int likedDb : List.of(5, -3)) {
            Prepared less = prepared(model, "auto", RunDirectory.NONE, Optional.of(new Liking(likedDb)));
            assertEquals(0, less.count("Min"));
            List<String> said = less.changes();
            assertTrue(said.get(said.size() - 2).endsWith("→ kept"), said::toString);
            assertTrue(said.getLast().startsWith("exact caps would add 1 Min"), said::toString);
        }
    }

    @Test
    void autoMeasuresNothingWhereNoCapBinds() throws IOException {
        CapsTrial refusing = new CapsTrial() {
            @Override
            public double sqnrDb(Model model, Model candidate) {
                throw new AssertionError("there is nothing to gain");
            }

            @Override
            public String follows() {
                return "";
            }
        };
        assertEquals(
                0,
                prepared(model(Bounds.INITIALIZERS, 13, 600), "auto", RunDirectory.NONE, Optional.of(refusing))
                        .count("Min"));
    }

    @ParameterizedTest
    @CsvSource({"exact, 3", "relu, 600"})
    void aRunThatGoesOnHasTheSameOperatorsAndConstants(String word, float cap) throws IOException {
        Model model = model(Bounds.INITIALIZERS, 13, cap);
        Path folder = temporary.resolve("run");
        Prepared first = prepared(model, word, RunDirectory.open(folder, "base"), Optional.empty());
        RunDirectory run = RunDirectory.open(folder, "base");
        Prepared second = prepared(model, word, run, Optional.empty());
        assertEquals(List.of("channels"), run.reused());
        assertEquals(first.model().graph().nodes(), second.model().graph().nodes());
        for (Initializer constant : first.model().graph().initializers()) {
            Initializer again =
                    second.model().graph().initializer(constant.name()).orElseThrow();
            assertEquals(constant.shape(), again.shape());
            assertArrayEquals(constant.tensor().toFloats(), again.tensor().toFloats(), constant.name());
        }
    }

    @Test
    void recipesNameTheChoiceAndOtherWordsAreRefused() throws IOException {
        Path file = temporary.resolve("mine.toml");
        Files.writeString(file, "steps = [\"cle\"]\ncaps = \"exact\"\n");
        assertEquals(caps("exact").steps(), RecipeFile.read(file).steps());
        Files.writeString(file, "steps = [\"cle\"]\ncaps = \"exat\"\n");
        NibbleException wrong = assertThrows(NibbleException.class, () -> RecipeFile.read(file));
        assertTrue(
                wrong.getMessage().endsWith("caps must be one of auto, kept, exact, relu, but is 'exat'"),
                wrong::getMessage);
        assertTrue(wrong.hint().contains("exact"), wrong::hint);
        Files.writeString(file, "steps = [\"gptq\"]\ncaps = \"exact\"\n");
        assertThrows(NibbleException.class, () -> RecipeFile.read(file));
    }
}
