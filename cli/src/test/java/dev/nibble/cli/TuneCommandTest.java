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
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Tag;
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
    void whatNeedNotRunIsAChangeOfItsOwn() {
        write(
                "m.onnx",
                List.of(
                        Node.of("join", "Concat", List.of("c"), List.of("j"), Attribute.of("axis", 1)),
                        Node.of("relu", "Relu", List.of("j"), List.of("y"))),
                "y");
        JsonNode applied = tune("m.onnx", "--apply", "--out", "fast.onnx");
        assertEquals("applied", gain(applied, "N315").get("state").asString());
        assertEquals("[Concat, Conv, Relu]", ops("fast.onnx"));
        // Gains are of each change on top of those before, so they add up.
        double sum = applied.get("gains")
                .valueStream()
                .filter(g -> g.get("state").asString().equals("applied"))
                .mapToDouble(g -> g.get("gainMicros").asDouble())
                .sum();
        double difference = applied.get("beforeMicros").asDouble()
                - applied.get("afterMicros").asDouble();
        assertEquals(difference, sum, 1e-6 * difference);
        tune("m.onnx", "--without", "N315,N301", "--apply", "--out", "kept.onnx");
        assertEquals("[Sub, Div, Conv, Concat, Relu]", ops("kept.onnx"));
    }

    @Test
    void outputsThatAreNoNumbersStopIt() {
        write("nan.onnx", List.of(Node.of("log", "Log", List.of("c"), List.of("y"))), "y");
        refused("output 'y' holds NaN or infinity", "nan.onnx", "--apply", "--out", "never.onnx");
        refused("explain N310", "nan.onnx", "--apply", "--io-layout", "nhwc", "--out", "never.onnx");
        assertEquals("N301", tune("nan.onnx").get("gains").get(0).get("code").asString());
    }

    @Test
    void anOperatorThatNobodyKnowsIsSaid() {
        Node custom = new Node("mine", "Secret", "com.example", List.of("c"), List.of("y"), List.of(), Carried.NONE);
        write("custom.onnx", List.of(custom), "y");
        JsonNode document = tune("custom.onnx");
        assertTrue(document.get("findings").toString().contains("com.example.Secret"), document.toString());
        refused("no change can be proved", "custom.onnx", "--apply", "--out", "never.onnx");
    }

    @Test
    void aGraphThatLiesChannelsLastStaysSo() {
        write("m.onnx", List.of(), "c");
        tune("m.onnx", "--apply", "--io-layout", "nhwc", "--out", "turned.onnx");
        JsonNode again = tune("turned.onnx", "--apply", "--io-layout", "nhwc", "--out", "again.onnx");
        assertTrue(again.get("gains")
                .valueStream()
                .noneMatch(g -> g.get("code").asString().equals("N302")));
        assertEquals(
                2,
                again.get("findings")
                        .valueStream()
                        .filter(f -> f.get("code").asString().equals("N313"))
                        .count());
        assertEquals(
                Shape.of(1, 64, 64, 3),
                ModelReader.read(folder.resolve("again.onnx"))
                        .graph()
                        .shape("x")
                        .orElseThrow());
    }

    @Test
    void optionsThatCannotBeAreRefused() {
        write("m.onnx", List.of(), "c");
        refused("has no option '--vtcm-mb'", "m.onnx", "--vtcm-mb", "99");
        refused("one target at a time", "m.onnx", "--target", "sm8650,sm8550", "--apply", "--out", "never.onnx");
        refused("sideways", "m.onnx", "--io-layout", "sideways");
    }

    /// The house's error, and nothing written.
    private void refused(String said, String... arguments) {
        List<String> all = new ArrayList<>(List.of("tune"));
        all.addAll(Arrays.asList(arguments));
        CommandLineRun run = CommandLineRun.of(folder, all.toArray(String[]::new));
        assertEquals(2, run.exitCode(), run.err());
        assertEquals("", run.out());
        assertTrue(run.err().startsWith("error: "), run.err());
        assertTrue(run.err().contains("\nhint: "), run.err());
        assertTrue(run.err().contains(said), run.err());
        assertFalse(run.err().contains("\tat "), run.err());
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(
                    List.of(), files.filter(f -> f.toString().contains("never")).toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void theCompilerIsAskedOnlyWhereItIs() {
        write("m.onnx", List.of(), "c");
        CommandLineRun run = CommandLineRun.of(folder, "tune", "m.onnx", "--verify");
        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("htp install"), run.err());
    }

    /// Qualcomm's own compiler: the normalization goes, and both estimates see a gain, of that chip's.
    @Test
    @Tag("slow")
    @Tag("gate")
    void theCompilerConfirmsAGain() {
        write("m.onnx", List.of(), "c");
        CommandLineRun run = CommandLineRun.onHtp(
                folder, "tune", "m.onnx", "--target", "sm8650", "--verify", "--format", "json", "--quiet");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode verified = run.json().get("verified");
        assertEquals("qcs9075", verified.get("target").asString());
        assertEquals("fp16", verified.get("precision").asString());
        assertTrue(
                verified.get("beforeMicros").asDouble()
                        > verified.get("afterMicros").asDouble(),
                run.out());
        JsonNode normalization = verified.get("codes")
                .valueStream()
                .filter(c -> c.get("code").asString().equals("N301"))
                .findFirst()
                .orElseThrow();
        assertTrue(normalization.get("agree").asBoolean(), run.out());
        assertTrue(normalization.get("compilerGainMicros").asDouble() > 0, run.out());
        assertTrue(normalization.get("failure").isNull(), run.out());
        CommandLineRun table = CommandLineRun.onHtp(folder, "tune", "m.onnx", "--verify", "--io-layout", "nhwc");
        assertTrue(table.out().contains("by both estimates, qcs9075, fp16"), table.out());
        assertTrue(table.out().contains("all that is applied"), table.out());
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
