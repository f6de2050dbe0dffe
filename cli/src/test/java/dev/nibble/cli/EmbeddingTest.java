package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
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
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// Tables of embeddings: how they are quantized, and what becomes of one that is the last layer's weight too.
class EmbeddingTest {
    private static final int ROWS = 40;
    private static final int WIDTH = 16;
    private static final String[] WEIGHTS_ONLY = {"--act-bitwidth", "float"};

    @TempDir
    private Path directory;

    @BeforeEach
    void samples() throws IOException {
        Random random = new Random(5);
        ByteBuffer data = ByteBuffer.allocate(32 * 6 * 8).order(ByteOrder.LITTLE_ENDIAN);
        while (data.hasRemaining()) {
            data.putLong(random.nextInt(ROWS));
        }
        TestModels.npy(directory.resolve("ids.npy"), "<i8", "32,6,", data.array());
    }

    /// A table whose rows are of very different size, a layer, and a head that is the table again.
    ///
    /// @param head `Gemm`, or `MatMul` behind a Transpose
    private void write(String head) {
        Random random = new Random(3);
        float[] table = new float[ROWS * WIDTH];
        for (int i = 0; i < table.length; i++) {
            table[i] = (float) random.nextGaussian() * (0.1f + i / WIDTH * 0.1f);
        }
        float[] layer = new float[WIDTH * WIDTH];
        for (int i = 0; i < layer.length; i++) {
            layer[i] = (float) random.nextGaussian() / 4;
        }
        List<Node> nodes = new ArrayList<>(List.of(
                Node.of("look", "Gather", List.of("table", "ids"), List.of("rows")),
                Node.of("layer", "MatMul", List.of("rows", "weight"), List.of("product")),
                Node.of("tanh", "Tanh", List.of("product"), List.of("hidden"))));
        if (head.equals("Gemm")) {
            nodes.add(Node.of("flatten", "Reshape", List.of("hidden", "flat"), List.of("matrix")));
            nodes.add(Node.of("head", "Gemm", List.of("matrix", "table"), List.of("y"), Attribute.of("transB", 1L)));
        } else {
            nodes.add(
                    Node.of("turn", "Transpose", List.of("table"), List.of("turned"), Attribute.ofInts("perm", 1, 0)));
            nodes.add(Node.of("head", "MatMul", List.of("hidden", "turned"), List.of("y")));
        }
        ValueType.TensorType ids = new ValueType.TensorType(
                DataType.INT64.code(), List.of(new Dim.Symbol("N"), new Dim.Symbol("T")), null);
        ModelWriter.write(
                Model.of(
                        8,
                        17,
                        Graph.of(
                                "tied",
                                nodes,
                                List.of(
                                        Initializer.of("table", Tensor.of(Shape.of(ROWS, WIDTH), table)),
                                        Initializer.of("weight", Tensor.of(Shape.of(WIDTH, WIDTH), layer)),
                                        Initializer.of("flat", Tensor.of(Shape.of(2), -1L, WIDTH))),
                                List.of(new ValueInfo("ids", ids)),
                                List.of(new ValueInfo("y", new ValueType.TensorType(1, null, null))))),
                directory.resolve("m.onnx"));
    }

    private CommandLineRun quantized(String... options) {
        String[] all = Stream.concat(
                        Stream.of("quantize", "m.onnx", "--data", "ids.npy", "--out", "out", "--format", "json"),
                        Arrays.stream(options))
                .toArray(String[]::new);
        CommandLineRun run = CommandLineRun.of(directory, all);
        assertEquals(0, run.exitCode(), run.err());
        return run;
    }

    private Graph written() {
        return ModelReader.read(directory.resolve("out/model.qdq.onnx")).graph();
    }

    /// The DequantizeLinear before input 0 of the node called `look`.
    private static Node table(Graph graph) {
        Node look = graph.nodes().stream()
                .filter(node -> node.is("Gather"))
                .findFirst()
                .orElseThrow();
        return graph.producer(look.input(0)).orElseThrow();
    }

    private static Shape shape(Graph graph, String constant) {
        return graph.initializer(constant).orElseThrow().shape();
    }

    @ParameterizedTest
    @CsvSource({"tensor,8,''", "channel,8,40", "channel,4,40", "block:8,4,40x2", "block:8,8,40x2"})
    void weightsAloneAreQuantizedByTensorRowOrBlock(String granularity, String bits, String scales) {
        write("MatMul");
        CommandLineRun run =
                quantized("--act-bitwidth", "float", "--weight-granularity", granularity, "--weights-bitwidth", bits);
        assertEquals(
                0, run.json().get("skipped").size(), run.json().get("skipped").toString());
        Graph graph = written();
        Node dequantize = table(graph);
        assertEquals(
                scales.replace('x', '×'),
                shape(graph, dequantize.input(1)).rank() == 0
                        ? ""
                        : shape(graph, dequantize.input(1)).toString());
        assertEquals(
                bits.equals("4") ? DataType.INT4.code() : DataType.INT8.code(),
                graph.initializer(dequantize.input(0)).orElseThrow().typeCode());
        assertTrue(graph.initializers().stream().noneMatch(i -> i.name().equals("table")), "no float table is left");
        if (granularity.equals("channel") && bits.equals("8")) {
            // A step of 1/127 of each row's largest value leaves more than 40 dB, whatever the rows' sizes.
            assertTrue(
                    run.json().get("sqnrDb").asDouble() > 35,
                    run.json().get("sqnrDb").toString());
        }
    }

    @Test
    void aRowThatHoldsNoWholeNumberOfBlocksIsScaledAsOneAndThatIsSaid() {
        write("MatMul");
        CommandLineRun run =
                quantized("--act-bitwidth", "float", "--weight-granularity", "block:12", "--weights-bitwidth", "4");
        assertEquals("40", shape(written(), table(written()).input(1)).toString());
        assertTrue(
                run.out().contains("scales by row, not by block: rows of 16 values are no multiple of 12"), run.out());
    }

    @ParameterizedTest
    @ValueSource(strings = {"tensor", "channel", "block:8"})
    void aTiedTableIsStoredOnceWhereBothUsesTakeTheSameScales(String granularity) {
        write("Gemm");
        quantized("--act-bitwidth", "float", "--weight-granularity", granularity);
        Graph graph = written();
        Node dequantize = table(graph);
        Node head = graph.nodes().stream()
                .filter(node -> node.is("Gemm"))
                .findFirst()
                .orElseThrow();
        assertEquals(dequantize.output(0), head.input(1));
        assertEquals(1, tablesIn(graph), "one table of codes");
    }

    @Test
    void aTransposedTableIsStoredTwiceAndThatIsSaid() {
        write("MatMul");
        CommandLineRun run = quantized(WEIGHTS_ONLY);
        assertEquals(2, tablesIn(written()));
        JsonNode note = run.json()
                .get("findings")
                .valueStream()
                .filter(finding -> finding.get("code").asString().equals("Q115"))
                .findFirst()
                .orElseThrow();
        assertEquals(
                "'table' (40×16) is looked up by Gather and, transposed, the weight of node 'head' (MatMul): it is stored"
                        + " twice, once for each",
                note.get("text").asString());
    }

    @Test
    void withQuantizedValuesTheTablesCodesPassThrough() {
        write("Gemm");
        quantized();
        Graph graph = written();
        Node dequantize = table(graph);
        // One unsigned scale as values have it for Gather; signed scales by row for the layer.
        assertEquals(Shape.SCALAR, shape(graph, dequantize.input(1)));
        assertEquals(
                DataType.UINT8.code(),
                graph.initializer(dequantize.input(0)).orElseThrow().typeCode());
        Node head = graph.nodes().stream()
                .filter(node -> node.is("Gemm"))
                .findFirst()
                .orElseThrow();
        Node weight = graph.producer(head.input(1)).orElseThrow();
        assertEquals(Shape.of(ROWS), shape(graph, weight.input(1)));
        assertEquals(2, tablesIn(graph));
    }

    private static long tablesIn(Graph graph) {
        return graph.initializers().stream()
                .filter(i -> i.shape().elements() == ROWS * WIDTH)
                .count();
    }
}
