package dev.nibble.graph.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ScratchMemory;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Sweep;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Weights that are made while they are written, and memory that is given back.
class ComputedTensorTest {
    /// Two pieces and a bit.
    private static final int ROWS = (int) (2 * Sweep.PIECE / 4 / 64) + 3;

    private static final Shape SHAPE = Shape.of(ROWS, 64);

    @TempDir
    private Path directory;

    /// A computed weight and the same weight stored give the same file, inline.
    @Test
    void writesWhatIsStoredElsewhere() throws IOException {
        Initializer computed = Initializer.computed("w", DataType.FLOAT, SHAPE, ComputedTensorTest::fill);
        assertEquals(SHAPE.elements() * 4, computed.packedBytes());
        MemorySegment all = ScratchMemory.allocate(SHAPE.elements() * 4);
        fill(0, all);
        Initializer stored = Initializer.of("w", new Tensor(DataType.FLOAT, SHAPE, all));

        ModelWriter.write(model(computed), directory.resolve("computed.onnx"));
        ModelWriter.write(model(stored), directory.resolve("stored.onnx"));
        assertEquals(
                -1, Files.mismatch(directory.resolve("computed.onnx"), directory.resolve("stored.onnx")), "first byte");
        assertArrayEquals(ModelWriter.toBytes(model(stored)), ModelWriter.toBytes(model(computed)));
        assertEquals(-1, computed.tensor().data().mismatch(all));
    }

    /// A tensor that is read back from a data file, swept over and written again is what it was.
    @Test
    void survivesBeingGivenBack() {
        Path file = directory.resolve("stored.onnx");
        Initializer computed = Initializer.computed("w", DataType.FLOAT, SHAPE, ComputedTensorTest::fill);
        ModelWriter.write(model(computed), file);
        Tensor read =
                ModelReader.read(file).graph().initializer("w").orElseThrow().tensor();
        Sweep.release(read.data());
        for (long at : new long[] {0, 1, Sweep.PIECE / 4, SHAPE.elements() - 1}) {
            assertEquals(value(at), read.floatAt(at), "element " + at);
        }
    }

    /// Large scratch memory is a mapping whose pages can be given back without losing what was written.
    @Test
    void scratchMemoryKeepsItsContent() {
        MemorySegment memory = ScratchMemory.allocate(3 * Sweep.PIECE);
        assertTrue(memory.isMapped(), "the temporary folder has no room: this test needs 48 MB there");
        memory.set(Tensor.LONG_LE, 5, 42);
        memory.set(Tensor.LONG_LE, 3 * Sweep.PIECE - 8, 43);
        try (Sweep sweep = new Sweep(memory)) {
            sweep.passed(Sweep.PIECE + 100);
        }
        assertEquals(42, memory.get(Tensor.LONG_LE, 5));
        assertEquals(43, memory.get(Tensor.LONG_LE, 3 * Sweep.PIECE - 8));
        assertEquals(0, memory.get(Tensor.LONG_LE, Sweep.PIECE));
    }

    private static void fill(long from, MemorySegment piece) {
        for (long i = 0; i < piece.byteSize() / 4; i++) {
            piece.set(Tensor.FLOAT_LE, i * 4, value(from / 4 + i));
        }
    }

    private static float value(long index) {
        return (index * 31 % 1009) / 1009f - 0.5f;
    }

    private static Model model(Initializer weight) {
        return Model.of(
                8,
                17,
                Graph.of(
                        "g",
                        List.of(Node.of("product", "MatMul", List.of("x", "w"), List.of("y"))),
                        List.of(weight),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, ROWS))),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 64)))));
    }
}
