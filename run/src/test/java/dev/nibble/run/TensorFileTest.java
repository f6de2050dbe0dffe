package dev.nibble.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nibble.graph.Executor.Optimization;
import dev.nibble.graph.Executor.Options;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.TensorFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;

class TensorFileTest {
    @Test
    void readsTheCasesOfOnnxsBackendTests() throws IOException {
        try (ZipFile zip =
                new ZipFile(SharedFiles.path("conformance/onnx_backend.zip").toFile())) {
            Model model = ModelReader.read(bytes(zip, "node/test_relu/model.onnx"), "relu", null);
            Tensor x = TensorFile.read(bytes(zip, "node/test_relu/0/input_0.pb"), "input")
                    .tensor();
            Tensor y = TensorFile.read(bytes(zip, "node/test_relu/0/output_0.pb"), "output")
                    .tensor();
            String input = model.graph().feeds().getFirst().name();
            String output = model.graph().outputs().getFirst().name();
            try (OrtModel session = new OrtExecutor().open(model, List.of(output), new Options(1, Optimization.OFF))) {
                Tensor made =
                        Objects.requireNonNull(session.run(Map.of(input, x)).get(output));
                assertEquals(y.shape(), made.shape());
                assertArrayEquals(y.toFloats(), made.toFloats());
            }
        }
    }

    @Test
    void refusesWhatIsNoTensor() {
        MemorySegment noise = MemorySegment.ofArray(new byte[] {(byte) 0xFF, (byte) 0xFF, 0x7F, 1, 2, 3});
        assertThrows(NibbleException.class, () -> TensorFile.read(noise, "noise"));
    }

    private static MemorySegment bytes(ZipFile zip, String name) throws IOException {
        java.util.zip.ZipEntry entry = zip.getEntry(name);
        org.junit.jupiter.api.Assumptions.assumeTrue(entry != null, "there is no " + name);
        return MemorySegment.ofArray(zip.getInputStream(entry).readAllBytes());
    }
}
