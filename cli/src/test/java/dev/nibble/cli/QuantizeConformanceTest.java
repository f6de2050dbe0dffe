package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.ModelReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `quantize` over ONNX's backend tests, one model in [#EVERY]: whatever an operator is fed with, a result or an error
/// in the house's form.
@Tag("slow")
class QuantizeConformanceTest {
    private static final int EVERY = 11;

    /// A third of these models have float operators that the target quantizes; most others hold integers, or double.
    private static final double LEAST_QUANTIZED = 0.25;

    @TempDir
    private Path directory;

    @Test
    void everyModelGivesAResultOrAnError() throws IOException {
        int ran = 0;
        int quantized = 0;
        List<String> defects = new ArrayList<>();
        try (ZipFile archive = new ZipFile(archive().toFile())) {
            List<? extends ZipEntry> models = Collections.list(archive.entries()).stream()
                    .filter(entry -> entry.getName().startsWith("node/")
                            && entry.getName().endsWith(".onnx"))
                    .toList();
            for (int i = 0; i < models.size(); i += EVERY) {
                String name = models.get(i).getName();
                Files.write(
                        directory.resolve("m.onnx"),
                        archive.getInputStream(models.get(i)).readAllBytes());
                samples(directory.resolve("x.npz"));
                CommandLineRun run = CommandLineRun.of(
                        directory, "quantize", "m.onnx", "--data", "x.npz", "--out", "out", "--force", "--quiet");
                ran++;
                quantized += run.exitCode() == 0 ? 1 : 0;
                boolean said = run.exitCode() == 0
                        || run.exitCode() == 2
                                && run.err().startsWith("error: ")
                                && run.err().contains("\nhint: ")
                                && !run.err().contains("unexpected ");
                if (!said) {
                    defects.add(name + ": " + run.exitCode() + " " + run.err());
                }
            }
        }
        assertEquals(List.of(), defects);
        assertTrue(quantized >= LEAST_QUANTIZED * ran, quantized + " of " + ran + " were quantized");
    }

    /// Four samples of every input whose type can be stored, each as large as the whole input.
    private void samples(Path file) throws IOException {
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            Model model = ModelReader.read(directory.resolve("m.onnx"));
            Random random = new Random(1);
            for (ValueInfo input : model.graph().feeds()) {
                ValueType.TensorType type = input.tensorType().orElse(null);
                if (type != null && type.dims() != null && type.elementType().isPresent()) {
                    write(zip, input.name(), type.elementType().get(), type.dims(), random);
                }
            }
        } catch (NibbleException e) {
            // A model that cannot be read: quantize is to say so.
            assertTrue(!e.hint().isEmpty());
        }
    }

    private static void write(ZipOutputStream zip, String name, DataType type, List<Dim> dims, Random random)
            throws IOException {
        String code = switch (type) {
            case FLOAT -> "<f4";
            case DOUBLE -> "<f8";
            case INT64 -> "<i8";
            case INT32 -> "<i4";
            case UINT8, BOOL -> "|u1";
            case INT8 -> "|i1";
            default -> "";
        };
        if (code.isEmpty()) {
            return;
        }
        int elements = 4;
        StringBuilder shape = new StringBuilder("4,");
        for (Dim dim : dims) {
            int size = dim instanceof Dim.Known(long known) ? (int) known : 1;
            elements *= size;
            shape.append(size).append(',');
        }
        String header = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }".formatted(code, shape);
        byte[] text =
                (header + " ".repeat(64 - (10 + header.length() + 1) % 64) + "\n").getBytes(StandardCharsets.US_ASCII);
        int size = code.charAt(2) - '0';
        ByteBuffer bytes =
                ByteBuffer.allocate(10 + text.length + elements * size).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put((byte) 0x93).put("NUMPY".getBytes(StandardCharsets.US_ASCII));
        bytes.put((byte) 1).put((byte) 0).putShort((short) text.length).put(text);
        for (int i = 0; i < elements; i++) {
            switch (code) {
                case "<f4" -> bytes.putFloat((float) random.nextGaussian());
                case "<f8" -> bytes.putDouble(random.nextGaussian());
                case "<i8" -> bytes.putLong(1);
                case "<i4" -> bytes.putInt(1);
                default -> bytes.put((byte) 1);
            }
        }
        zip.putNextEntry(new ZipEntry(name + ".npy"));
        zip.write(bytes.array());
        zip.closeEntry();
    }

    private static Path archive() {
        String name = "conformance/onnx_backend.zip";
        String configured = System.getenv("NIBBLE_SHARED");
        if (configured != null && Files.exists(Path.of(configured, name))) {
            return Path.of(configured, name);
        }
        for (Path at = Path.of("").toAbsolutePath(); at.getParent() != null; at = at.getParent()) {
            Path found = at.resolveSibling("shared").resolve(name);
            if (Files.exists(found)) {
                return found;
            }
        }
        return Assumptions.abort("the shared data has no " + name + " here");
    }
}
