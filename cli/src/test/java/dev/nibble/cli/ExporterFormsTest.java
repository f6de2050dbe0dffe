package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.graph.pass.SimplifyCheck;
import dev.nibble.pipeline.PreparedModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.run.OrtExecutor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// Parts of transformers in the forms that PyTorch, TensorFlow and optimum export, in old and new operator sets: found as
/// the operator they are or left in parts, with the same outputs, and quantized whole.
class ExporterFormsTest {
    /// Preparing moves a few float roundings: a hundred of them on outputs of about 1.
    private static final SimplifyCheck.Tolerance SAME = new SimplifyCheck.Tolerance(1e-5, 1e-5);

    /// What 8 bits keep at the least: 30 to 33 dB were measured of these forms, and 3 dB are the noise doubled.
    private static final double FLOOR_DB = 27;

    private static final int[] OPSETS = {11, 13, 17, 18, 20};

    /// Operators that hold no arithmetic of their own.
    private static final List<String> FRAME = List.of("MatMul", "Gemm", "Add");

    @TempDir
    private Path directory;

    /// The form, and the operators that preparing leaves of it, between the projections.
    static Stream<String[]> forms() {
        return Stream.of(
                form("layernorm pow", "LayerNormalization"),
                form("layernorm pow positive", "LayerNormalization"),
                form("layernorm mul", "LayerNormalization"),
                form("layernorm pow twice", "LayerNormalization"),
                form("layernorm pow bare", "LayerNormalization"),
                form("layernorm mul reciprocal", "LayerNormalization"),
                form("layernorm mul pow-half", "LayerNormalization"),
                form("tensorflow", "LayerNormalization"),
                form("tensorflow scaled", "LayerNormalization"),
                form("rmsnorm pow", "RMSNormalization"),
                form("rmsnorm mul reciprocal", "RMSNormalization"),
                form("rmsnorm pow one-over", "RMSNormalization"),
                form("rmsnorm mul pow-half", "RMSNormalization"),
                form("gelu erf div", "Gelu"),
                form("gelu erf mul late", "Gelu"),
                form("gelu erf mul half-first", "Gelu"),
                form("gelu tanh pow", "Gelu"),
                form("gelu tanh mul", "Gelu"),
                form("gelu tanh factored", "Gelu"),
                form("silu", "Sigmoid Mul"),
                form("quickgelu", "Mul Sigmoid Mul"),
                form("attention scale-before", "Softmax"),
                form("attention scale-after-div additive", "Softmax"),
                form("attention scale-both where", "Where Softmax"),
                form("attention where infinite", "Where Softmax"),
                form("attention packed additive", "Split Softmax"),
                form("attention rotary additive", "Neg Concat Neg Concat Softmax"),
                form("attention rotary interleaved where", "Neg Concat Neg Concat Where Softmax"));
    }

    private static String[] form(String name, String whole) {
        return new String[] {name.startsWith("tensorflow") ? "layernorm " + name : name, whole};
    }

    static Stream<Arguments> formsAndOpsets() {
        return forms().flatMap(form -> Arrays.stream(OPSETS).mapToObj(opset -> Arguments.of(form[0], opset, form[1])));
    }

    static Stream<Arguments> formsOnce() {
        int[] at = {0};
        return forms().map(form -> Arguments.of(form[0], OPSETS[at[0]++ % OPSETS.length]));
    }

    private Path write(String form, int opset) {
        Path file = directory.resolve("m.onnx");
        ModelWriter.write(ExporterForms.of(form, opset), file);
        return file;
    }

    @ParameterizedTest
    @MethodSource("formsAndOpsets")
    void isFoundOrLeftInPartsAndComputesTheSame(String form, int opset, String whole) {
        Path file = write(form, opset);
        OrtExecutor executor = new OrtExecutor();
        Model prepared = PreparedModel.read(file, "m.onnx", Map.of(), executor, Progress.none())
                .model();
        String ops = prepared.graph().nodes().stream()
                .map(Node::opType)
                .filter(op -> whole.contains(op) || !FRAME.contains(op))
                .filter(op -> !List.of("Reshape", "Transpose", "Slice").contains(op))
                .filter(op -> !form.startsWith("attention")
                        || !List.of("Mul", "Div", "Split").contains(op)
                        || whole.contains(op))
                .collect(Collectors.joining(" "));
        assertEquals(whole, ops);
        assertTrue(prepared.opset() >= 13, "axes are inputs from 13 on");
        SimplifyCheck.Verdict verdict = SimplifyCheck.compare(
                ModelReader.read(file), prepared, executor, SimplifyCheck.inputs(prepared, new Random(11)), SAME);
        assertTrue(verdict.within(), verdict::toString);
    }

    @Tag("slow")
    @ParameterizedTest
    @MethodSource("formsOnce")
    void isQuantizedWhole(String form, int opset) throws IOException {
        write(form, opset);
        TestModels.samples(directory.resolve("x.npy"), 48, 1, ExporterForms.TOKENS, ExporterForms.WIDTH);
        CommandLineRun run = CommandLineRun.of(
                directory, "quantize", "m.onnx", "--data", "x.npy", "--out", "out", "--format", "json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode json = run.json();
        assertEquals(0, json.get("skipped").size(), json.get("skipped").toString());
        double sqnrDb = json.get("sqnrDb").asDouble();
        assertTrue(sqnrDb >= FLOOR_DB, form + ": " + sqnrDb + " dB");
        Model quantized = ModelReader.read(directory.resolve("out/model.qdq.onnx"));
        new OrtExecutor()
                .open(quantized, List.of("y"), new Executor.Options(1, Executor.Optimization.OFF))
                .close();
    }
}
