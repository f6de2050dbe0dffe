package dev.nibble.run;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.run.shared.SharedBuffer;
import dev.nibble.run.shared.SharedBuffer.Kind;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/// Shared buffers as inputs and outputs of ONNX Runtime: it reads and writes them where they are.
class SharedTensorsTest {
    @Test
    void inputsAreHandedOverByAddress() throws OrtException {
        Assumptions.assumeTrue(SharedBuffer.available().contains(Kind.MEMFD), "shared memory needs Linux");
        Model model = SmallModels.convRelu();
        try (SharedBuffer buffer = SharedBuffer.open(Kind.MEMFD, 4096);
                InputFeed feed = new InputFeed(model.graph(), Map.of(), Set.of("x"));
                InputFeed.Fed fed = feed.feed(
                        OrtEnvironment.getEnvironment(),
                        Map.of("x", buffer.tensor(DataType.FLOAT, Shape.of(1, 2, 4, 4))))) {
            MemorySegment given =
                    MemorySegment.ofBuffer(fed.tensors().get("x").getBufferRef().orElseThrow());
            assertEquals(buffer.memory().address(), given.address());
        }
    }

    @Test
    void outputsAreWrittenBehindTheDescriptor() throws IOException {
        Assumptions.assumeTrue(SharedBuffer.available().contains(Kind.MEMFD), "shared memory needs Linux");
        Executor.Options options = new Executor.Options(1, Executor.Optimization.OFF);
        float[] values = new float[32];
        for (int i = 0; i < values.length; i++) {
            values[i] = i - 11;
        }
        try (SharedBuffer in = SharedBuffer.open(Kind.MEMFD, 128);
                SharedBuffer out = SharedBuffer.open(Kind.MEMFD, 192);
                OrtModel session = new OrtExecutor().open(SmallModels.convRelu(), List.of("y"), options)) {
            Tensor x = in.tensor(DataType.FLOAT, Shape.of(1, 2, 4, 4));
            MemorySegment.copy(values, 0, x.data(), Tensor.FLOAT_LE, 0, values.length);
            float[] expected = session.run(Map.of("x", x)).get("y").toFloats();
            session.runInto(Map.of("x", x), Map.of("y", out.tensor(DataType.FLOAT, Shape.of(1, 3, 4, 4))));
            // Read through the file, not the mapping: the values are where a driver would look.
            ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(Path.of("/proc/self/fd/" + out.descriptor())))
                    .order(ByteOrder.LITTLE_ENDIAN);
            for (float value : expected) {
                assertEquals(value, file.getFloat());
            }
        }
    }
}
