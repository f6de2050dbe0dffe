package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.htp.HtpExecutor;
import dev.nibble.htp.Soc;
import dev.nibble.quant.measure.SignalToNoise;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.Targets;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// What `placement --apply` writes: the compiler takes it whole where it did not before, and both models are run.
class PlacementApplyTest {
    /// Rewrites that only move values must leave them alone.
    private static final double EXACT_DB = 100;

    /// Weights quantized anew, at 8 bits: the rounding of another grid.
    private static final double CLOSE_DB = 20;

    /// The emulator against the CPU in float: it computes in half precision.
    private static final double HALF_PRECISION_DB = 60;

    private static final Executor.Options OFF = new Executor.Options(1, Executor.Optimization.OFF);

    @TempDir
    private Path directory;

    private final List<Node> nodes = new ArrayList<>();
    private final List<Initializer> stored = new ArrayList<>();

    @Test
    void moreThanFiveAxesAreFolded() {
        stored.add(Initializer.of("six", Tensor.of(Shape.of(6), 1L, 3, 4, 2, 4, 2)));
        stored.add(Initializer.of("four", Tensor.of(Shape.of(4), 1L, 12, 4, 4)));
        String cut = step("Reshape", quantized("x"), "six");
        String turned = step("Transpose", cut, Attribute.ofInts("perm", 0, 1, 3, 5, 2, 4));
        result(step("Reshape", turned, "four"));
        JsonNode after = applied(write(Shape.of(1, 3, 8, 8)), EXACT_DB);
        assertTrue(said(after).contains("transposed with fewer axes"), said(after));
    }

    @Test
    void aNormalizationGetsOneUnsignedScale() {
        weight(DataType.INT8, Shape.of(32), Shape.of(32), Attribute.of("axis", 0L));
        result(step("LayerNormalization", quantized("x"), "weight"));
        JsonNode after = applied(write(Shape.of(1, 16, 32)), CLOSE_DB);
        assertTrue(
                said(after).contains("given an 8-bit unsigned weight of one scale; the outputs are at"), said(after));
        assertEquals(DataType.UINT8, weightType());
    }

    @Test
    void blocksBecomeChannels() {
        weight(
                DataType.INT8,
                Shape.of(64, 16),
                Shape.of(4, 16),
                Attribute.of("axis", 0L),
                Attribute.of("block_size", 16L));
        result(step("MatMul", quantized("x"), "weight"));
        JsonNode after = applied(write(Shape.of(1, 64)), CLOSE_DB);
        assertTrue(said(after).contains("one scale a channel instead of a block; the outputs are at"), said(after));
        assertEquals(DataType.INT8, weightType());
    }

    /// The compiler takes what the emulator computes wrongly, so only a run shows it.
    @Test
    void nearestIsResizedByTheRuleThatIsSound() {
        stored.add(Initializer.of("scales", Tensor.of(Shape.of(4), 1f, 1, 1.5f, 1.5f)));
        nodes.add(Node.of(
                "grow",
                "Resize",
                List.of("x", "", "scales"),
                List.of("y"),
                Attribute.of("nearest_mode", "round_prefer_floor"),
                Attribute.of("coordinate_transformation_mode", "half_pixel")));
        Model before = write(Shape.of(1, 4, 6, 6));
        assertTrue(onHtp(before) < HALF_PRECISION_DB, "the emulator computes it as ONNX says by now");
        CommandLineRun run = CommandLineRun.onHtp(
                directory, "placement", "model.onnx", "--apply", "fit.onnx", "--strict", "--format", "json");
        assertEquals(0, run.exitCode(), run.out() + run.err());
        assertTrue(said(run.json()).contains("computes soundly; both models give the same numbers"), run.out());
        Model after = ModelReader.read(directory.resolve("fit.onnx"));
        assertTrue(agreement(before, after) >= EXACT_DB);
        assertTrue(onHtp(after) >= HALF_PRECISION_DB);
    }

    @Test
    void anOpenSizeIsFixed() {
        result(step("Relu", quantized("x")));
        Model before = write(
                new ValueType.TensorType(DataType.FLOAT.code(), List.of(new Dim.Symbol("N"), new Dim.Known(24)), null));
        CommandLineRun run = CommandLineRun.onHtp(
                directory, "placement", "model.onnx", "--apply", "fit.onnx", "--strict", "--format", "json");
        assertEquals(0, run.exitCode(), run.out() + run.err());
        assertTrue(said(run.json()).contains("G002"), run.out());
        Model after = ModelReader.read(directory.resolve("fit.onnx"));
        assertEquals(Shape.of(1, 24), after.graph().shape("x").orElseThrow());
        assertTrue(agreement(before, after) >= EXACT_DB);
    }

    /// Puts `model.onnx` to the compiler, rewrites it, and runs both.
    private JsonNode applied(Model before, double leastDb) {
        CommandLineRun refused =
                CommandLineRun.onHtp(directory, "placement", "model.onnx", "--strict", "--format", "json");
        assertEquals(1, refused.exitCode(), "the compiler takes it as it is: " + refused.out() + refused.err());
        CommandLineRun run = CommandLineRun.onHtp(
                directory, "placement", "model.onnx", "--apply", "fit.onnx", "--strict", "--format", "json");
        assertEquals(0, run.exitCode(), run.out() + run.err());
        double decibels = agreement(before, ModelReader.read(directory.resolve("fit.onnx")));
        assertTrue(decibels >= leastDb, "only " + decibels + " dB");
        return run.json();
    }

    private static String said(JsonNode document) {
        return document.path("findings").toString();
    }

    private DataType weightType() {
        Graph graph = ModelReader.read(directory.resolve("fit.onnx")).graph();
        return graph.nodes().stream()
                .filter(node -> node.isAny("LayerNormalization", "MatMul"))
                .findFirst()
                .flatMap(node -> graph.producer(node.input(1)))
                .flatMap(read -> graph.type(read.input(0)))
                .orElseThrow();
    }

    private static double agreement(Model one, Model other) {
        return SignalToNoise.of(run(new OrtExecutor(), one), run(new OrtExecutor(), other))
                .decibels();
    }

    private static double onHtp(Model model) {
        HtpExecutor htp = new HtpExecutor(CommandLineRun.libraries(), Soc.of(Targets.find("sm8650")), 1);
        return SignalToNoise.of(run(new OrtExecutor(), model), run(htp, model)).decibels();
    }

    private static Tensor run(Executor executor, Model model) {
        ValueType.TensorType input =
                model.graph().inputs().getFirst().tensorType().orElseThrow();
        long[] dims = input.dims().stream()
                .mapToLong(dim -> dim instanceof Dim.Known(long size) ? size : 1)
                .toArray();
        Shape shape = Shape.of(dims);
        SplittableRandom random = new SplittableRandom(5);
        float[] values = new float[Math.toIntExact(shape.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(-1, 1);
        }
        try (Executor.Session session = executor.open(model, List.of("y"), OFF)) {
            Tensor result = session.run(Map.of("x", Tensor.of(shape, values))).get("y");
            return result.copy();
        }
    }

    private Model write(Shape input) {
        return write(ValueInfo.of("x", DataType.FLOAT, input).tensorType().orElseThrow());
    }

    private Model write(ValueType.TensorType input) {
        Model model = Model.of(
                10,
                21,
                Graph.of(
                        "model",
                        nodes,
                        stored,
                        List.of(new ValueInfo("x", input)),
                        List.of(new ValueInfo("y", new ValueType.TensorType(DataType.FLOAT.code(), null, null)))));
        ModelWriter.write(model, directory.resolve("model.onnx"));
        return model;
    }

    /// An operator with quantizers around what it makes.
    private String step(String op, String input, String second) {
        return step(op, List.of(input, second));
    }

    private String step(String op, String input, Attribute... attributes) {
        return step(op, List.of(input), attributes);
    }

    private String step(String op, List<String> inputs, Attribute... attributes) {
        String name = op + nodes.size();
        nodes.add(Node.of(name, op, inputs, List.of(name + "_out"), attributes));
        return quantized(nodes.getLast().output(0));
    }

    /// `value` through 8 bits, −4 to 4.
    private String quantized(String value) {
        if (stored.stream().noneMatch(s -> s.name().equals("scale"))) {
            stored.add(Initializer.of("scale", Tensor.of(Shape.SCALAR, 1f / 32)));
            stored.add(Initializer.of(
                    "zero", new Tensor(DataType.UINT8, Shape.SCALAR, MemorySegment.ofArray(new byte[] {(byte) 128}))));
        }
        String codes = value + "_codes";
        String read = value + "_read";
        nodes.add(Node.of(codes, "QuantizeLinear", List.of(value, "scale", "zero"), List.of(codes)));
        nodes.add(Node.of(read, "DequantizeLinear", List.of(codes, "scale", "zero"), List.of(read)));
        return read;
    }

    /// The last value becomes the model's output.
    private void result(String value) {
        Node last = nodes.removeLast();
        assertEquals(value, last.output(0));
        nodes.add(Node.of(last.name(), last.opType(), last.inputs(), List.of("y")));
    }

    /// `weight`: seeded codes with scales that differ.
    private void weight(DataType type, Shape shape, Shape scales, Attribute... attributes) {
        SplittableRandom random = new SplittableRandom(11);
        byte[] codes = new byte[Math.toIntExact(shape.elements())];
        random.nextBytes(codes);
        float[] sizes = new float[Math.toIntExact(scales.elements())];
        for (int i = 0; i < sizes.length; i++) {
            sizes[i] = (float) random.nextDouble(0.001, 0.002);
        }
        stored.add(Initializer.of("codes", new Tensor(type, shape, MemorySegment.ofArray(codes))));
        stored.add(Initializer.of("scales", Tensor.of(scales, sizes)));
        stored.add(Initializer.of("zeros", new Tensor(type, scales, MemorySegment.ofArray(new byte[sizes.length]))));
        nodes.add(Node.of(
                "weight", "DequantizeLinear", List.of("codes", "scales", "zeros"), List.of("weight"), attributes));
    }
}
