package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Carried;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `tune`: findings by gain, and a model that was proved.
class TuneCommandTest {
    @TempDir
    private Path folder;

    /// A normalized picture, a convolution, and what `more` adds to `c`.
    private void write(String file, List<Node> more, String output) {
        List<Node> nodes = new ArrayList<>(List.of(
                Node.of("sub", "Sub", List.of("x", "mean"), List.of("s")),
                Node.of("div", "Div", List.of("s", "std"), List.of("d")),
                Node.of("conv", "Conv", List.of("d", "w"), List.of("c"), Attribute.ofInts("pads", 1, 1, 1, 1))));
        nodes.addAll(more);
        float[] weights = new float[16 * 27];
        Random random = new Random(1);
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (float) random.nextGaussian();
        }
        Model model = Model.of(
                8,
                13,
                Graph.of(
                        "g",
                        nodes,
                        List.of(
                                Initializer.of("mean", Tensor.of(Shape.of(1, 3, 1, 1), .485f, .456f, .406f)),
                                Initializer.of("std", Tensor.of(Shape.of(1, 3, 1, 1), .229f, .224f, .225f)),
                                Initializer.of("w", Tensor.of(Shape.of(16, 3, 3, 3), weights))),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 3, 64, 64))),
                        List.of(ValueInfo.of(output, DataType.FLOAT, Shape.of(1, 16, 64, 64)))));
        SortedMap<String, Long> opsets = new TreeMap<>(model.opsets());
        opsets.put("com.example", 1L);
        ModelWriter.write(
                new Model(
                        model.irVersion(),
                        model.producerName(),
                        model.producerVersion(),
                        opsets,
                        model.graph(),
                        List.of(),
                        model.carried()),
                folder.resolve(file));
    }

    private JsonNode tune(String... arguments) {
        List<String> all = new ArrayList<>(List.of("tune", "--format", "json"));
        all.addAll(Arrays.asList(arguments));
        CommandLineRun run = CommandLineRun.of(folder, all.toArray(String[]::new));
        assertEquals(0, run.exitCode(), run.err());
        return new JsonMapper().readTree(run.out());
    }

    private static JsonNode gain(JsonNode document, String code) {
        return StreamSupport.stream(document.get("gains").spliterator(), false)
                .filter(g -> g.get("code").asString().equals(code))
                .findFirst()
                .orElseThrow();
    }

    private String ops(String file) {
        return ModelReader.read(folder.resolve(file)).graph().nodes().stream()
                .map(Node::opType)
                .toList()
                .toString();
    }

    @Test
    void theNormalizationGoesAndTheOutputsStay() {
        write("m.onnx", List.of(), "c");
        JsonNode found = tune("m.onnx", "--target", "sm8650");
        assertEquals("applicable", gain(found, "N301").get("state").asString());
        // 64 × 64 pixels of 3 ns each, and two layers, are more than 10 µs.
        assertTrue(gain(found, "N301").get("gainMicros").asDouble() > 10, found.toString());
        assertTrue(found.get("output").isNull());
        JsonNode applied = tune("m.onnx", "--target", "sm8650", "--apply", "--out", "fast.onnx");
        assertEquals("applied", gain(applied, "N301").get("state").asString());
        assertEquals("[Concat, Conv]", ops("fast.onnx"));
        assertTrue(
                applied.get("proof").get("compared").get(0).get("maxRelative").asDouble() < 1e-5);
        assertTrue(applied.get("afterMicros").asDouble()
                < applied.get("beforeMicros").asDouble());
        tune("m.onnx", "--precision", "fp16", "--apply", "--out", "float.onnx");
        assertEquals("[Conv, Add]", ops("float.onnx"));
    }

    @Test
    void layoutsChangeOnlyWhenAsked() {
        write("m.onnx", List.of(), "c");
        tune("m.onnx", "--apply", "--out", "kept.onnx");
        assertEquals(
                Shape.of(1, 3, 64, 64),
                ModelReader.read(folder.resolve("kept.onnx")).graph().shape("x").orElseThrow());
        JsonNode turned = tune("m.onnx", "--apply", "--io-layout", "nhwc", "--out", "turned.onnx");
        assertEquals("applied", gain(turned, "N302").get("state").asString());
        Graph graph = ModelReader.read(folder.resolve("turned.onnx")).graph();
        assertEquals(Shape.of(1, 64, 64, 3), graph.shape("x").orElseThrow());
        assertEquals(Shape.of(1, 64, 64, 16), graph.shape("c").orElseThrow());
        JsonNode again = tune("turned.onnx");
        assertTrue(
                again.get("findings").toString().contains("N313"),
                again.get("findings").toString());
    }

    @Test
    void outputsThatAreNoNumbersStopIt() {
        write("nan.onnx", List.of(Node.of("log", "Log", List.of("c"), List.of("y"))), "y");
        JsonNode document = tune("nan.onnx", "--apply", "--out", "never.onnx");
        assertTrue(document.get("findings").toString().contains("N310"), document.toString());
        assertTrue(document.get("output").isNull());
        assertFalse(Files.exists(folder.resolve("never.onnx")));
    }

    @Test
    void anOperatorThatNobodyKnowsIsSaid() {
        Node custom = new Node("mine", "Secret", "com.example", List.of("c"), List.of("y"), List.of(), Carried.NONE);
        write("custom.onnx", List.of(custom), "y");
        JsonNode document = tune("custom.onnx");
        assertTrue(document.get("findings").toString().contains("com.example.Secret"), document.toString());
        CommandLineRun run = CommandLineRun.of(folder, "tune", "custom.onnx", "--apply", "--out", "never.onnx");
        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("no change can be proved"), run.err());
    }

    @Test
    void theCompilerIsAskedOnlyWhereItIs() {
        write("m.onnx", List.of(), "c");
        CommandLineRun run = CommandLineRun.of(folder, "tune", "m.onnx", "--verify");
        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("htp install"), run.err());
    }

    @Test
    void applyAndOutBelongTogether() {
        write("m.onnx", List.of(), "c");
        assertEquals(2, CommandLineRun.of(folder, "tune", "m.onnx", "--apply").exitCode());
        assertEquals(
                2,
                CommandLineRun.of(folder, "tune", "m.onnx", "--out", "x.onnx").exitCode());
        assertEquals(
                2,
                CommandLineRun.of(folder, "tune", "m.onnx", "--without", "N999").exitCode());
    }
}
