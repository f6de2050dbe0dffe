package dev.nibble.run;

import static dev.nibble.graph.Executor.Optimization.DEFAULT;
import static dev.nibble.graph.Executor.Optimization.OFF;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor.Options;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

class OrtExecutorTest {
    private static final Options OPTIONS = new Options(1, DEFAULT);

    private final OrtExecutor executor = new OrtExecutor();

    static Tensor random(long seed, long... dims) {
        Random random = new Random(seed);
        Shape shape = Shape.of(dims);
        float[] values = new float[(int) shape.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(shape, values);
    }

    private static Tensor fetch(OrtModel session, Tensor x, String value) {
        return Objects.requireNonNull(session.run(Map.of("x", x)).get(value));
    }

    @Test
    void computesWhatTheModelSays() {
        Tensor x = random(1, 2, 2, 4, 4);
        try (OrtModel session = executor.open(SmallModels.convRelu(), List.of("y", "conv"), OPTIONS)) {
            Map<String, Tensor> results = session.run(Map.of("x", x));
            assertEquals(List.of("y", "conv"), List.copyOf(results.keySet()));
            Tensor conv = Objects.requireNonNull(results.get("conv"));
            Tensor y = Objects.requireNonNull(results.get("y"));
            assertEquals(Shape.of(2, 3, 4, 4), conv.shape());
            // Channel 0 is x0 − x1, channel 1 is 2·x0 + x1/2.
            assertEquals(x.floatAt(0) - x.floatAt(16), conv.floatAt(0), 1e-6f);
            assertEquals(2 * x.floatAt(0) + 0.5f * x.floatAt(16), conv.floatAt(16), 1e-6f);
            for (long i = 0; i < y.elements(); i++) {
                assertEquals(Math.max(0, conv.floatAt(i)), y.floatAt(i));
            }
        }
    }

    @Test
    void givesTheSameWithEveryRunAndBatch() {
        Tensor first = random(1, 3, 2, 4, 4);
        Tensor second = random(2, 5, 2, 4, 4);
        try (OrtModel session = executor.open(SmallModels.convRelu(), List.of("y"), OPTIONS)) {
            float[] once = fetch(session, first, "y").toFloats();
            float[] again = fetch(session, first, "y").toFloats();
            float[] larger = fetch(session, second, "y").toFloats();
            float[] back = fetch(session, first, "y").toFloats();
            assertArrayEquals(once, again);
            assertArrayEquals(once, back);
            assertEquals(5 * 3 * 16, larger.length);
        }
    }

    @Test
    void writesResultsWhereTheyWereBefore() {
        Tensor x = random(1, 3, 2, 4, 4);
        Tensor other = random(2, 3, 2, 4, 4);
        try (OrtModel session = executor.open(SmallModels.convRelu(), List.of("y"), OPTIONS)) {
            MemorySegment first = fetch(session, x, "y").data();
            float before = first.get(Tensor.FLOAT_LE, 0);
            MemorySegment second = fetch(session, other, "y").data();
            assertEquals(first.address(), second.address());
            assertTrue(before != first.get(Tensor.FLOAT_LE, 0), "the second run's results are not in the memory");
        }
    }

    @Test
    void writesIntoMemoryOfTheCallers() {
        Tensor x = random(1, 3, 2, 4, 4);
        try (Arena arena = Arena.ofConfined();
                OrtModel session = executor.open(SmallModels.convRelu(), List.of("y"), OPTIONS)) {
            Shape shape = Shape.of(3, 3, 4, 4);
            Tensor mine = new Tensor(DataType.FLOAT, shape, arena.allocate(shape.elements() * 4, 64));
            session.runInto(Map.of("x", x), Map.of("y", mine));
            assertArrayEquals(fetch(session, x, "y").toFloats(), mine.toFloats());
            Tensor small = new Tensor(DataType.FLOAT, Shape.of(2, 3, 4, 4), arena.allocate(2 * 3 * 16 * 4, 64));
            assertThrows(NibbleException.class, () -> session.runInto(Map.of("x", x), Map.of("y", small)));
        }
    }

    @Test
    void readsNativeAndHeapInputsAlike() {
        Tensor x = random(1, 2, 2, 4, 4);
        Tensor heap = new Tensor(x.type(), x.shape(), MemorySegment.ofArray(x.toFloats()));
        try (OrtModel session = executor.open(SmallModels.convRelu(), List.of("y"), OPTIONS)) {
            float[] fromNative = fetch(session, x, "y").toFloats();
            assertArrayEquals(fromNative, fetch(session, heap, "y").toFloats());
        }
    }

    @Test
    void handsOutInputsAndConstants() {
        Model model = SmallModels.convRelu();
        Tensor x = random(1, 1, 2, 4, 4);
        try (OrtModel session = executor.open(model, List.of("x", "w"), OPTIONS)) {
            Map<String, Tensor> results = session.run(Map.of("x", x));
            assertEquals(
                    x.data().address(),
                    Objects.requireNonNull(results.get("x")).data().address());
            assertEquals(
                    model.graph().initializers().getFirst().tensor().toFloats()[4],
                    Objects.requireNonNull(results.get("w")).floatAt(4));
        }
    }

    /// The number of ones is known only when the model runs, so the memory of the last run does not fit.
    @Test
    void followsShapesThatDependOnValues() {
        Model model = SmallModels.single(
                "NonZero",
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(4))),
                new ValueInfo("y", new dev.nibble.graph.ValueType.Unstated()));
        try (OrtModel session = executor.open(model, List.of("y"), OPTIONS)) {
            for (float[] values : new float[][] {{1, 0, 0, 1}, {1, 1, 1, 0}, {0, 0, 0, 0}, {0, 0, 0, 1}}) {
                Tensor y = fetch(session, Tensor.of(Shape.of(4), values), "y");
                long ones = java.util.stream.IntStream.range(0, 4)
                        .filter(i -> values[i] != 0)
                        .count();
                assertEquals(Shape.of(1, ones), y.shape());
            }
        }
    }

    /// ONNX Runtime's Java interface knows no such inputs; a Cast stands before the model for them.
    @Test
    void feedsWideUnsignedInputs() {
        for (DataType type : List.of(DataType.UINT16, DataType.UINT32)) {
            Model model = SmallModels.single(
                    "Identity", List.of(ValueInfo.of("x", type, Shape.of(3))), ValueInfo.of("y", type, Shape.of(3)));
            byte[] bytes = new byte[(int) type.bytes(3)];
            java.util.Arrays.fill(bytes, (byte) 0xFE);
            Tensor x = new Tensor(type, Shape.of(3), MemorySegment.ofArray(bytes));
            try (OrtModel session = executor.open(model, List.of("y"), new Options(1, OFF))) {
                Tensor y = fetch(session, x, "y");
                assertEquals(type, y.type());
                assertArrayEquals(x.toLongs(), y.toLongs());
            }
        }
    }

    @Test
    void keepsTwoSessionsApart() {
        Tensor x = random(1, 2, 2, 4, 4);
        try (OrtModel one = executor.open(SmallModels.convRelu(), List.of("y"), OPTIONS);
                OrtModel two = executor.open(SmallModels.convRelu(), List.of("conv"), new Options(2, OFF))) {
            Tensor y = fetch(one, x, "y");
            Tensor conv = fetch(two, x, "conv");
            for (long i = 0; i < y.elements(); i++) {
                assertEquals(Math.max(0, conv.floatAt(i)), y.floatAt(i), 1e-6f);
            }
        }
    }
}
