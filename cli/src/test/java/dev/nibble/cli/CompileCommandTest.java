package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// `compile` and the compiler's own estimate.
class CompileCommandTest {
    @TempDir
    private Path directory;

    @BeforeEach
    void writeModels() {
        ModelWriter.write(qdq(), directory.resolve("qdq.onnx"));
        ModelWriter.write(two(), directory.resolve("two.onnx"));
    }

    /// `y = relu(x)`, 8 bits, quantizers at both ends.
    private static Model qdq() {
        return Model.of(
                9,
                19,
                Graph.of(
                        "qdq",
                        List.of(
                                Node.of("q", "QuantizeLinear", List.of("x", "s", "z"), List.of("xq")),
                                Node.of("d", "DequantizeLinear", List.of("xq", "s", "z"), List.of("xd")),
                                Node.of("relu", "Relu", List.of("xd"), List.of("r")),
                                Node.of("rq", "QuantizeLinear", List.of("r", "s", "z"), List.of("rc")),
                                Node.of("rd", "DequantizeLinear", List.of("rc", "s", "z"), List.of("y"))),
                        List.of(
                                Initializer.of("s", Tensor.of(Shape.of(), 0.5f)),
                                Initializer.of(
                                        "z", new Tensor(DataType.UINT8, Shape.of(), MemorySegment.ofArray(new byte[] {
                                            (byte) 128
                                        })))),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 8))),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 8)))));
    }

    /// Two inputs, of which an axis each is open.
    private static Model two() {
        var open = new dev.nibble.graph.ValueType.TensorType(
                DataType.FLOAT.code(),
                List.of(new dev.nibble.graph.Dim.Known(1), new dev.nibble.graph.Dim.Symbol("T")),
                null);
        return Model.of(
                9,
                19,
                Graph.of(
                        "two",
                        List.of(Node.of("cat", "Concat", List.of("a", "b"), List.of("y"), Attribute.of("axis", 1L))),
                        List.of(),
                        List.of(new ValueInfo("a", open), new ValueInfo("b", open)),
                        List.of(new ValueInfo(
                                "y", new dev.nibble.graph.ValueType.TensorType(DataType.FLOAT.code(), null, null)))));
    }

    private CommandLineRun with(String... arguments) {
        return CommandLineRun.onHtp(directory, arguments);
    }

    private static JsonNode json(CommandLineRun run) {
        assertEquals(0, run.exitCode(), run.err());
        return run.json();
    }

    @Test
    void theEstimateIsShownWhereTheCompilerMakesOneAndNowhereElse() {
        JsonNode artifacts = json(with(
                        "compile", "qdq.onnx", "--target", "qcs9075,sm8650", "--out", "out", "--format", "json"))
                .path("artifacts");
        JsonNode estimate = artifacts.get(0).path("estimate");
        assertTrue(estimate.path("low").asDouble() <= estimate.path("micros").asDouble());
        assertTrue(estimate.path("micros").asDouble() <= estimate.path("high").asDouble());
        assertTrue(estimate.path("basis").asString().startsWith("estimated by the compiler"));
        assertTrue(artifacts.get(1).path("estimate").isNull());
        CommandLineRun phone = with("estimate", "qdq.onnx", "--model", "compiler", "--target", "sm8650");
        assertEquals(2, phone.exitCode());
        assertTrue(phone.err().contains("makes no estimates for sm8650"), phone.err());
        assertTrue(phone.err().contains("qcs9075"), phone.err());
        JsonNode alone = json(with(
                        "estimate", "qdq.onnx", "--model", "compiler", "--target", "qcs9075", "--format", "json"))
                .path("models")
                .get(0);
        assertEquals(
                estimate.path("micros").asDouble(), alone.path("totalMicros").asDouble());
        assertEquals("compiler", alone.path("model").asString());
    }

    @Test
    void codesInPlaceOfFloatsAreTakenAndGiven() {
        JsonNode document = json(with("compile", "qdq.onnx", "--io", "quantized", "--out", "out", "--format", "json"));
        for (String edge : List.of("inputs", "outputs")) {
            JsonNode value = document.path(edge).get(0);
            assertEquals("uint8", value.path("type").asString());
            assertEquals(0.5, value.path("scale").asDouble());
            assertEquals(128, value.path("zeroPoint").asInt());
        }
        JsonNode artifact = document.path("artifacts").get(0);
        assertTrue(artifact.path("identical").asBoolean(), artifact.toString());
        assertTrue(artifact.path("onDevice").toString().contains("--use_native_input_files"));
    }

    @Test
    void aDlcIsWrittenAndSaidNotToBeRun() throws Exception {
        JsonNode document = json(with("compile", "qdq.onnx", "--format", "dlc", "--out", "out", "--format", "json"));
        JsonNode artifact = document.path("artifacts").get(0);
        Path file = Path.of(artifact.path("path").asString());
        assertEquals("qdq.sm8650.dlc", file.getFileName().toString());
        assertEquals(artifact.path("bytes").asLong(), Files.size(file));
        assertTrue(artifact.path("identical").isNull());
        assertFalse(artifact.path("unchecked").asString().isEmpty());
        assertTrue(artifact.path("wrapper").isNull());
        assertTrue(artifact.path("onDevice").toString().contains("--dlc_path qdq.sm8650.dlc"));
        // What QAIRT wrote is read: the settings are for the graph that is in it.
        JsonNode config = json(
                with("htp-config", file.toString(), "--scenario", "camera", "--out", "config", "--format", "json"));
        assertEquals(1, config.path("graphNames").size(), config.toString());
        assertTrue(
                Files.readString(directory.resolve("config/htp_config.json"))
                        .contains(config.path("graphNames").get(0).asString()),
                config.toString());
    }

    @Test
    void openShapesAreListedAll() {
        CommandLineRun run = with("compile", "two.onnx", "--out", "out");
        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("'a'") && run.err().contains("'b'"), run.err());
        assertTrue(run.err().contains("--shape a=1,<T> --shape b=1,<T>"), run.err());
    }

    @Test
    void whatAChipCannotDoIsRefused() {
        CommandLineRun old = with("compile", "qdq.onnx", "--target", "sm8250", "--out", "out");
        assertTrue(old.err().contains("is too old"), old.err());
        CommandLineRun integers = with(
                "compile", "two.onnx", "--target", "qcs6490", "--shape", "a=1,4", "--shape", "b=1,4", "--out", "o");
        assertTrue(integers.err().contains("computes in integers only"), integers.err());
        CommandLineRun edges =
                with("compile", "two.onnx", "--io", "quantized", "--shape", "a=1,4", "--shape", "b=1,4", "--out", "o");
        assertTrue(edges.err().contains("has no quantizer at an input or output"), edges.err());
        assertFalse(Files.exists(directory.resolve("out")) || Files.exists(directory.resolve("o")));
    }
}
