package dev.nibble.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.report.ReportJson;
import dev.nibble.report.ResultDocument;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Weights of a model are quantized in far less memory than they take, wherever they are stored.
class LargeModelTest {
    private static final long BYTES = 500_000_000;

    /// Everything but weights: the JVM, its classes, ONNX Runtime's library, a piece of a tensor and its copy. Small
    /// models take 190 MB.
    private static final long BESIDES = 340_000_000;

    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @Tag("slow")
    void quantizesWeightsInAFractionOfTheirSize(boolean external) throws IOException, InterruptedException {
        Assumptions.assumeTrue(Files.exists(Path.of("/proc/self/status")), "resident memory is told on Linux only");
        Path file = directory.resolve("large.onnx");
        LargeModel large = LargeModel.ofBytes(BYTES, 8000, 512);
        large.write(file);
        if (external) {
            Model stored = outside(ModelReader.read(file));
            file = directory.resolve("outside.onnx");
            ModelWriter.write(stored, file);
            assertTrue(Files.size(directory.resolve("outside.onnx.data")) > BYTES / 2);
        }
        Path out = directory.resolve("out");
        run("quantize", file.toString(), "--act-bitwidth", "float", "--out", out.toString(), "--quiet");

        ResultDocument result = ReportJson.read(Files.readString(out.resolve("report.json")), ResultDocument.class);
        long peak = result.peakRssBytes() == null ? Long.MAX_VALUE : result.peakRssBytes();
        assertTrue(peak < BESIDES, "peak " + peak / 1e6 + " MB for " + large.bytes() / 1e6 + " MB of weights");

        Graph quantized = ModelReader.read(out.resolve("model.qdq.onnx")).graph();
        long codes = quantized.initializers().stream()
                .filter(tensor -> tensor.typeCode() == DataType.INT8.code())
                .mapToLong(Initializer::packedBytes)
                .sum();
        assertTrue(codes >= (large.bytes() - 4L * 8000 * 512) / 4, "every matrix is stored in 8 bits");
        assertEquals(
                Files.exists(directory.resolve("outside.onnx.data")),
                Files.exists(out.resolve("model.qdq.onnx.data")),
                "weights stay where they were: in the model, or beside it");
    }

    /// `model` with its weights in a data file, as exporters of large models write it.
    private Model outside(Model model) throws IOException {
        Path data = directory.resolve("weights.bin");
        List<Initializer> moved = new ArrayList<>();
        try (FileChannel channel = FileChannel.open(
                data, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            for (Initializer weight : model.graph().initializers()) {
                long from = channel.size();
                long length = weight.packedBytes();
                MemorySegment place = channel.map(FileChannel.MapMode.READ_WRITE, from, length, Arena.ofAuto());
                place.copyFrom(weight.tensor().data());
                moved.add(new Initializer(
                        weight.name(),
                        weight.typeCode(),
                        weight.shape(),
                        new Initializer.Storage.External("weights.bin", from, length, place),
                        weight.carried()));
            }
        }
        return model.withGraph(model.graph().edit(edit -> moved.forEach(edit::put)));
    }

    /// The command in a process of its own, whose memory is its own.
    private void run(String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED",
                "--add-modules",
                "jdk.incubator.vector",
                "dev.nibble.cli.Nibble"));
        command.addAll(List.of(arguments));
        Path log = directory.resolve("log.txt");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        // ONNX Runtime crashes a process whose command line is long.
        builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
        Process process = builder.start();
        assertTrue(process.waitFor(300, TimeUnit.SECONDS), "it takes too long");
        assertEquals(0, process.exitValue(), () -> log(log));
    }

    private static String log(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return String.valueOf(e.getMessage());
        }
    }
}
