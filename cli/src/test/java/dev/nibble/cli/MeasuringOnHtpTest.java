package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.ModelWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// `evaluate` and `compare` of a float model, its file on the CPU and its file on the HTP.
class MeasuringOnHtpTest {
    private static final int SAMPLES = 24;
    private static final int FEATURES = 16;

    /// What 16-bit matrix products reach on the emulator, with a margin: 80 dB.
    private static final double SOUND_DB = 60;

    @TempDir
    private Path directory;

    @BeforeEach
    void writeSamples() throws IOException {
        TestModels.samples(directory.resolve("x.npy"), SAMPLES, FEATURES);
    }

    /// `y = softplus(x·w)·v`: Softplus at 16 bits is what the emulator is known to compute roughly.
    private void writeModel() {
        ValueType.TensorType batch = new ValueType.TensorType(
                DataType.FLOAT.code(), List.of(new Dim.Symbol("N"), new Dim.Known(FEATURES)), null);
        ModelWriter.write(
                Model.of(
                        9,
                        17,
                        Graph.of(
                                "softplus",
                                List.of(
                                        Node.of("first", "MatMul", List.of("x", "w"), List.of("a")),
                                        Node.of("soft", "Softplus", List.of("a"), List.of("b")),
                                        Node.of("second", "MatMul", List.of("b", "v"), List.of("y"))),
                                List.of(weight("w", 3), weight("v", 4)),
                                List.of(new ValueInfo("x", batch)),
                                List.of(new ValueInfo("y", batch)))),
                directory.resolve("float.onnx"));
    }

    private static Initializer weight(String name, long seed) {
        float[] values = new float[FEATURES * FEATURES];
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(-0.5, 0.5);
        }
        return Initializer.of(name, Tensor.of(Shape.of(FEATURES, FEATURES), values));
    }

    @Test
    void threeWaysTheWorstFirstWithItsCause() {
        writeModel();
        CommandLineRun made = CommandLineRun.onHtp(
                directory, "quantize", "float.onnx", "--data", "x.npy", "--act-bitwidth", "16", "--out", "out");
        assertEquals(0, made.exitCode(), made.err());
        CommandLineRun run = CommandLineRun.onHtp(
                directory,
                "compare",
                "float.onnx",
                "out/model.qdq.onnx",
                "--data",
                "x.npy",
                "--on",
                "htp",
                "--format",
                "json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode rows = run.json().path("tensors");
        double last = Double.NEGATIVE_INFINITY;
        for (JsonNode row : rows) {
            assertTrue(row.path("htpDb").isNumber() && row.path("htpSteps").isNumber(), row.toString());
            assertTrue(row.path("graphWiseDb").isNumber(), row.toString());
            double departure = row.path("htpToCpuDb").asDouble();
            assertTrue(departure >= last, rows.toString());
            last = departure;
        }
        double product = departure(rows, "MatMul", "a");
        double softplus = departure(rows, "Softplus", "b");
        assertTrue(product > SOUND_DB && softplus < SOUND_DB, rows.toString());
        assertTrue(
                run.json().path("findings").toString().contains("node 'soft': Softplus reaches 41 dB at 16 bits"),
                run.out());
        String table = CommandLineRun.onHtp(
                        directory, "compare", "float.onnx", "out/model.qdq.onnx", "--data", "x.npy", "--on", "htp")
                .out();
        assertTrue(table.contains("HTP to CPU") && table.contains("steps"), table);
    }

    private static double departure(JsonNode rows, String op, String name) {
        for (JsonNode row : rows) {
            if (row.path("name").asString().equals(name)) {
                assertEquals(op, row.path("op").asString());
                return row.path("htpToCpuDb").asDouble();
            }
        }
        throw new AssertionError("no row '" + name + "' in " + rows);
    }

    /// One line for each metric: float, the file on the CPU, the file on the HTP.
    @Test
    void theThreeStandInOneTable() throws IOException {
        TestModels.classifier(directory.resolve("float.onnx"));
        TestModels.quantized(directory.resolve("good.onnx"), 0.2f);
        TestModels.samples(directory.resolve("few.npy"), SAMPLES, TestModels.FEATURES);
        TestModels.labels(directory.resolve("right.npy"), SAMPLES, 0);
        CommandLineRun run = CommandLineRun.onHtp(
                directory,
                "evaluate",
                "good.onnx",
                "--reference",
                "float.onnx",
                "--data",
                "few.npy",
                "--labels",
                "right.npy",
                "--on",
                "htp");
        assertEquals(0, run.exitCode(), run.err());
        List<String> lines = run.out().lines().toList();
        int head = 0;
        while (!lines.get(head).contains("metric")) {
            head++;
        }
        assertTrue(lines.get(head).matches(".*reference +on the CPU +on the HTP +HTP − reference.*"), run.out());
        assertTrue(
                lines.get(head + 1).matches(" +top-1 accuracy +100.00 % +\\d+\\.\\d\\d % +\\d+\\.\\d\\d % .*"),
                run.out());
    }
}
