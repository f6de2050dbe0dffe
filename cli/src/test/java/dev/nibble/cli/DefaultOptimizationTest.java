package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// ONNX Runtime makes of AveragePool between quantizers an operator of its own that knows no dilation, and then cannot
/// load the file.
class DefaultOptimizationTest {
    @TempDir
    private Path directory;

    @Test
    void aFileThatItCannotLoadIsMeasuredAllTheSameAndSaid() throws IOException {
        ModelWriter.write(
                Model.of(
                        9,
                        19,
                        Graph.of(
                                "pool",
                                List.of(Node.of(
                                        "pool",
                                        "AveragePool",
                                        List.of("x"),
                                        List.of("y"),
                                        Attribute.ofInts("kernel_shape", 3, 3),
                                        Attribute.ofInts("dilations", 2, 2))),
                                List.of(),
                                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 2, 8, 8))),
                                List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 2, 4, 4))))),
                directory.resolve("pool.onnx"));
        TestModels.samples(directory.resolve("s.npy"), 8, 2, 8, 8);
        CommandLineRun run = CommandLineRun.of(
                directory, "quantize", "pool.onnx", "--data", "s.npy", "--out", "out", "--format", "json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode json = JsonMapper.shared().readTree(run.out());
        assertTrue(json.at("/findings").findValuesAsString("code").contains("M105"), run.out());
        assertTrue(json.at("/sqnrDb").asDouble() > 20, run.out());
    }
}
