package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What `quantize` says to bad input: its first line, word for word, and nothing left behind.
class QuantizeBadInputTest {
    private static final int HEADER = 128;

    @TempDir
    private Path directory;

    @BeforeEach
    void write() throws IOException {
        TestModels.classifier(directory.resolve("m.onnx"));
        TestModels.samples(directory.resolve("x.npy"), 210, TestModels.FEATURES);
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void aSampleThatIsNotFiniteIsNamedWithItsTensor(float value) throws IOException {
        poke(directory.resolve("x.npy"), 17 * TestModels.FEATURES + 3, value);
        refused("input 'x' gets NaN or infinity, first from 'sample 17'", "m.onnx", "--data", "x.npy");
    }

    @Test
    void aValueThatOverflowsInsideTheModelIsNamedWithItsFirstSample() throws IOException {
        float[] weight = gaussian(1);
        for (int i = 0; i < weight.length; i++) {
            weight[i] *= 1e20f;
        }
        write("overflow.onnx", weight);
        poke(directory.resolve("x.npy"), 40 * TestModels.FEATURES, 1e30f);
        CommandLineRun run = refused(null, "overflow.onnx", "--data", "x.npy");
        assertTrue(run.err().startsWith("error: tensor 'y': sample 40 has "), run.err());
    }

    @Test
    void aWeightThatIsNotFiniteIsNamed() throws IOException {
        TestModels.withNan(directory.resolve("nan.onnx"));
        CommandLineRun run = refused(null, "nan.onnx", "--data", "x.npy");
        assertTrue(run.err().contains("tensor 'w': holds NaN (float), first at index 3"), run.err());
    }

    @Test
    void aConstantInputAndAConstantWeightAreQuantizedExactlyEnough() throws IOException {
        float[] weight = new float[TestModels.FEATURES * TestModels.FEATURES];
        Arrays.fill(weight, 0.75f);
        write("constant.onnx", weight);
        fill(directory.resolve("x.npy"), 3.5f);
        JsonNode json = quantized("constant.onnx");
        // A single point lies on the grid of min-max: only float rounding is left.
        assertTrue(json.at("/sqnrDb").asDouble() > 60, json.at("/sqnrDb").toString());
    }

    @Test
    void allZeroSamplesAndAllZeroWeightsGiveADefinedResult() throws IOException {
        write("zero.onnx", new float[TestModels.FEATURES * TestModels.FEATURES]);
        fill(directory.resolve("x.npy"), 0);
        JsonNode json = quantized("zero.onnx");
        for (JsonNode tensor : json.at("/tensors")) {
            JsonNode scale = tensor.at("/scale");
            assertTrue(scale.isNull() || scale.isArray() || scale.asDouble() > 0, tensor.toString());
        }
    }

    @Test
    void anAllZeroChannelKeepsAPositiveScale() throws IOException {
        float[] weight = gaussian(1);
        for (int i = 0; i < TestModels.FEATURES; i++) {
            weight[i * TestModels.FEATURES + 2] = 0;
        }
        write("channel.onnx", weight);
        assertTrue(quantized("channel.onnx").at("/sqnrDb").asDouble() > 25);
        Graph graph = ModelReader.read(directory.resolve("out/model.qdq.onnx")).graph();
        graph.initializers().stream().filter(i -> i.name().contains("scale")).forEach(i -> {
            for (float scale : i.tensor().toFloats()) {
                assertTrue(scale >= Float.MIN_NORMAL, i.name() + ": " + scale);
            }
        });
    }

    @ParameterizedTest
    @ValueSource(floats = {1e-38f, 1e-42f})
    void tinyWeightsGiveNoDenormalScale(float magnitude) throws IOException {
        float[] weight = gaussian(1);
        for (int i = 0; i < weight.length; i++) {
            weight[i] *= magnitude;
        }
        write("tiny.onnx", weight);
        quantized("tiny.onnx");
        Graph graph = ModelReader.read(directory.resolve("out/model.qdq.onnx")).graph();
        graph.initializers().stream().filter(i -> i.name().contains("scale")).forEach(i -> {
            for (float scale : i.tensor().toFloats()) {
                assertTrue(scale >= Float.MIN_NORMAL, i.name() + ": " + scale);
            }
        });
    }

    @Test
    void aModelWithoutFloatOperators() throws IOException {
        TestModels.withoutFloats(directory.resolve("whole.onnx"));
        CommandLineRun run = refused(null, "whole.onnx", "--data", "x.npy");
        assertTrue(run.err().contains("no float"), run.err());
    }

    @Test
    void aModelThatIsQuantizedAlready() {
        TestModels.quantized(directory.resolve("q.onnx"), 0.1f);
        refused("the model is quantized already: node 'q_x' (QuantizeLinear)", "q.onnx", "--data", "x.npy");
    }

    @Test
    void zeroSizedDimensions() {
        TestModels.zeroSized(directory.resolve("nothing.onnx"));
        refused(null, "nothing.onnx", "--data", "x.npy");
    }

    @Test
    void labelsThatDoNotMatchInNumber() throws IOException {
        TestModels.labels(directory.resolve("y.npy"), 9, 0);
        refused("there are 210 samples but 9 labels", "m.onnx", "--data", "x.npy", "--labels", "y.npy");
    }

    @Test
    void aLabelThatIsNoClass() throws IOException {
        TestModels.labels(directory.resolve("y.npy"), 210, 0);
        byte[] file = Files.readAllBytes(directory.resolve("y.npy"));
        file[file.length - 1] = 4;
        Files.write(directory.resolve("y.npy"), file);
        refused(
                "label '4' is none of the classes 0 to 3 of the output",
                "m.onnx",
                "--data",
                "x.npy",
                "--labels",
                "y.npy");
    }

    @Test
    void aMetricWithoutLabels() {
        refused(
                "metric 'top1' needs labels, and the samples have none",
                "m.onnx",
                "--data",
                "x.npy",
                "--metric",
                "top1");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--skip 210 | --skip 210 leaves none of the 210 samples",
                "--take 0 | take must be at least 1, but was 0",
                "--weights-bitwidth 5 | weights of 5 bits are not supported",
                "--weights-bitwidth 2 | weights of 2 bits are not supported",
                "--act-bitwidth 4 | activations of '4' bits are not supported",
                "--bias-bitwidth 8 | biases of 8 bits are not supported",
                "--weight-granularity blocks | there is no granularity 'blocks'",
                "--act-calibration mimax | there is no calibration 'mimax'",
                "--act-schema asymetric | there is no schema 'asymetric' for --act-schema",
                "--percentile-calibration-value 30 | the percentile must be above 50 and at most 100, but was 30.0",
                "--encodings-version 2.1.0 | encodings version '2.1.0' cannot be written",
                "--algorithms clee | there is no algorithm 'clee'",
                "--io integer | --io must be float or quantized, but was 'integer'",
                "--io quantized --act-bitwidth float | --io quantized needs quantized activations,"
                        + " but --act-bitwidth is float",
                "--target sm8649 | there is no target 'sm8649'",
                "--metric top2 | there is no metric 'top2'",
                "--std 0 | std must not be 0",
            })
    void wrongOptionsAreRefusedBeforeTheWork(String options, String said) {
        List<String> arguments = new ArrayList<>(List.of("m.onnx", "--data", "x.npy"));
        arguments.addAll(List.of(options.split(" ")));
        refused(said, arguments.toArray(String[]::new));
    }

    @Test
    void samplesOfAnotherShape() throws IOException {
        TestModels.samples(directory.resolve("wide.npy"), 210, 9);
        refused(
                "'sample 0' has shape 9, which does not fit the input 'x' of shape N×8",
                "m.onnx",
                "--data",
                "wide.npy");
    }

    @Test
    void theOtherLayoutIsSuggested() throws IOException {
        Graph graph = Graph.of(
                "picture",
                List.of(Node.of("relu", "Relu", List.of("x"), List.of("y"))),
                List.of(),
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 3, 6, 5))),
                List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 3, 6, 5))));
        ModelWriter.write(Model.of(8, 13, graph), directory.resolve("picture.onnx"));
        TestModels.samples(directory.resolve("nhwc.npy"), 210, 6, 5, 3);
        for (String[] layout : new String[][] {{}, {"--layout", "nchw"}}) {
            List<String> arguments = new ArrayList<>(List.of("picture.onnx", "--data", "nhwc.npy"));
            arguments.addAll(List.of(layout));
            CommandLineRun run = refused(
                    "'sample 0' has shape 6×5×3, which does not fit the input 'x' of shape 1×3×6×5",
                    arguments.toArray(String[]::new));
            assertTrue(run.err().contains("--layout nhwc"), run.err());
        }
    }

    @Test
    void fewSamplesAndDuplicatesAreSaid() throws IOException {
        TestModels.samples(directory.resolve("few.npy"), 20, TestModels.FEATURES);
        byte[] file = Files.readAllBytes(directory.resolve("few.npy"));
        System.arraycopy(file, HEADER, file, HEADER + 32 * 5, 32);
        Files.write(directory.resolve("few.npy"), file);
        CommandLineRun run = CommandLineRun.of(
                directory, "quantize", "m.onnx", "--data", "few.npy", "--out", "out", "--format", "json");
        assertEquals(0, run.exitCode(), run.err());
        String findings =
                JsonMapper.shared().readTree(run.out()).at("/findings").toString();
        assertTrue(findings.contains("only 20 samples"), findings);
        assertTrue(findings.contains("1 of 20 samples repeat an earlier one"), findings);
    }

    @Test
    void anOutputThatCannotBeWritten() throws IOException {
        Files.writeString(directory.resolve("file"), "");
        assertTrue(plain("m.onnx", "--data", "x.npy", "--out", "file").err().contains("is a file, not a folder"));
        plain("m.onnx", "--data", "x.npy", "--out", "file/below");
        plain("m.onnx", "--data", "x.npy", "--out", "/proc/nibble");
    }

    @Test
    void aFullDiskLeavesNothing() throws IOException, InterruptedException {
        Path full = Files.createDirectory(directory.resolve("full"));
        Assumptions.assumeTrue(
                done("mount", "-t", "tmpfs", "-o", "size=64k", "none", full.toString()),
                "a small file system cannot be mounted here");
        try {
            // The report alone is larger than the file system.
            CommandLineRun run = plain("m.onnx", "--data", "x.npy", "--out", "full/out");
            assertFalse(run.err().contains("unexpected"), run.err());
            try (Stream<Path> left = Files.walk(full)) {
                assertEquals(List.of(full), left.toList());
            }
        } finally {
            // Lazily: a mapped file counts as in use until its memory is collected.
            done("umount", "-l", full.toString());
        }
    }

    private static boolean done(String... command) throws InterruptedException {
        try {
            return new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start()
                            .waitFor()
                    == 0;
        } catch (IOException e) {
            return false;
        }
    }

    private CommandLineRun refused(@org.jspecify.annotations.Nullable String said, String... arguments) {
        List<String> all = new ArrayList<>(List.of(arguments));
        all.addAll(List.of("--out", "out"));
        CommandLineRun run = plain(all.toArray(String[]::new));
        if (said != null) {
            assertEquals("error: " + said, run.err().lines().findFirst().orElse(""));
        }
        assertFalse(Files.exists(directory.resolve("out")), run.err());
        return run;
    }

    private CommandLineRun plain(String... arguments) {
        String before = tree();
        List<String> all = new ArrayList<>(List.of("quantize", "--quiet"));
        all.addAll(List.of(arguments));
        CommandLineRun run = CommandLineRun.of(directory, all.toArray(String[]::new));
        assertEquals(2, run.exitCode(), run.err());
        assertEquals("", run.out());
        List<String> lines = run.err().lines().toList();
        assertEquals(2, lines.size(), run.err());
        assertTrue(lines.getFirst().startsWith("error: ") && lines.getLast().startsWith("hint: "), run.err());
        assertFalse(run.err().contains("unexpected"), run.err());
        assertEquals(before, tree());
        return run;
    }

    private JsonNode quantized(String model) throws IOException {
        CommandLineRun run =
                CommandLineRun.of(directory, "quantize", model, "--data", "x.npy", "--out", "out", "--format", "json");
        assertEquals(0, run.exitCode(), run.err());
        return JsonMapper.shared().readTree(run.out());
    }

    private String tree() {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.sorted().toList().toString();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /// `y = x·w`, all eight numbers wide.
    private void write(String name, float[] weight) {
        ValueType.TensorType rows = new ValueType.TensorType(
                DataType.FLOAT.code(), List.of(new Dim.Symbol("N"), new Dim.Known(TestModels.FEATURES)), null);
        Graph graph = Graph.of(
                "product",
                List.of(Node.of("product", "MatMul", List.of("x", "w"), List.of("y"))),
                List.of(Initializer.of("w", Tensor.of(Shape.of(TestModels.FEATURES, TestModels.FEATURES), weight))),
                List.of(new ValueInfo("x", rows)),
                List.of(new ValueInfo("y", rows)));
        ModelWriter.write(Model.of(8, 13, graph), directory.resolve(name));
    }

    private static float[] gaussian(long seed) {
        Random random = new Random(seed);
        float[] values = new float[TestModels.FEATURES * TestModels.FEATURES];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static void poke(Path npy, int element, float value) throws IOException {
        byte[] file = Files.readAllBytes(npy);
        ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).putFloat(HEADER + 4 * element, value);
        Files.write(npy, file);
    }

    private static void fill(Path npy, float value) throws IOException {
        int elements = (int) (Files.size(npy) - HEADER) / 4;
        byte[] file = Files.readAllBytes(npy);
        ByteBuffer data = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < elements; i++) {
            data.putFloat(HEADER + 4 * i, value);
        }
        Files.write(npy, file);
    }
}
