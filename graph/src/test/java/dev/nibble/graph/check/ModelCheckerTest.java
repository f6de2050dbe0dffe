package dev.nibble.graph.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnx.proto.OnnxMl;
import com.google.protobuf.TextFormat;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.SharedData;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.ModelReader;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelCheckerTest {
    private static final String HEAD = "ir_version: 8 opset_import { version: 17 } ";
    private static final String IN = "input { name: 'x' type { tensor_type { elem_type: 1 } } } ";

    @Test
    void findsNothingWrongInTheBackendTests() {
        List<String> wrong = new ArrayList<>();
        SharedData.backendModels()
                .forEach((name, bytes) ->
                        ModelChecker.check(ModelReader.read(MemorySegment.ofArray(bytes), name, null)).stream()
                                .filter(Problem::isError)
                                .forEach(p -> wrong.add(name + ": " + p)));
        assertEquals(List.of(), wrong);
    }

    @ParameterizedTest
    @ValueSource(strings = {"assets/models", "npu/topologies", "npu/holdout", "interop"})
    void findsNothingWrongInRealModels(String folder) {
        for (Map.Entry<String, Path> model : SharedData.models(folder).entrySet()) {
            ModelChecker.requireValid(ModelReader.read(model.getValue()));
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "node { op_type: 'Relu' input: 'q' output: 'y' } output { name: 'y' } | reads 'q', which nobody makes",
                "output { name: 'y' } | output 'y' is made by nobody",
                "node { op_type: 'Relu' input: 'x' output: 'x' } | makes 'x', which is defined already",
                "node { op_type: 'Relu' input: 'x' output: 'y' } node { op_type: 'Abs' input: 'x' output: 'y' } "
                        + "| makes 'y', which is defined already",
                "node { op_type: 'Split' input: 'x' output: 'y' output: 'y' } | makes 'y', which is defined already",
                "input { name: 'x' } | input 'x' is listed twice",
                "input { } | has an input without a name",
                "output { } | has an output without a name",
                "initializer { data_type: 1 float_data: 1 } | has no name",
                "initializer { name: 'w' data_type: 1 float_data: 1 } initializer { name: 'w' data_type: 1 float_data: 1 } "
                        + "| is defined twice",
                "initializer { name: 'w' dims: 3 data_type: 1 float_data: 1 } | takes 12 bytes, but the file holds 4",
                "initializer { name: 'w' dims: 3 data_type: 1 raw_data: 'abc' } | takes 12 bytes, but the file holds 3",
                "initializer { name: 'w' dims: 2 data_type: 8 string_data: 'a' } | holds 1 strings",
                "initializer { name: 'w' dims: 2 raw_data: 'a' } | has no element type",
                "node { op_type: '' input: 'x' output: 'y' } | has no operator",
                "node { op_type: 'Relu' domain: 'odd' input: 'x' output: 'y' } | uses operator set 'odd'",
                "node { op_type: 'Softmax' input: 'x' output: 'y' attribute { name: 'axis' type: INTS ints: 1 } } "
                        + "| attribute 'axis' should be a whole number, but is a list of whole numbers",
                "node { op_type: 'Elu' input: 'x' output: 'y' attribute { name: 'alpha' type: FLOAT f: 1 } "
                        + "attribute { name: 'alpha' type: FLOAT f: 1 } } | has attribute 'alpha' twice",
                "node { op_type: 'Elu' input: 'x' output: 'y' attribute { type: FLOAT f: 1 } } "
                        + "| has an attribute without a name",
                "node { op_type: 'Constant' output: 'y' attribute { name: 'value' type: TENSOR "
                        + "t { dims: 2 data_type: 1 float_data: 1 } } } | takes 8 bytes, but the file holds 4",
                "node { op_type: 'If' input: 'x' output: 'y' attribute { name: 'then_branch' type: GRAPH "
                        + "g { node { op_type: 'Abs' input: 'x' output: 'x' } } } } | makes 'x', which is defined already",
                "node { op_type: 'If' input: 'x' output: 'y' attribute { name: 'then_branch' type: GRAPH "
                        + "g { node { op_type: 'Abs' input: 'q' output: 't' } } } } | reads 'q', which nobody makes",
                "value_info { name: 'v' type { tensor_type { elem_type: 1 shape { dim { dim_value: 4294967296 } "
                        + "dim { dim_value: 4294967296 } } } } } | which no tensor can have",
            })
    void errorsSayWhatAndWhere(String graph, String expected) throws Exception {
        List<Problem> problems = ModelChecker.check(read(HEAD + "graph { name: 'g' " + IN + graph + " }"));
        assertTrue(problems.getFirst().isError(), problems.toString());
        assertTrue(problems.getFirst().toString().contains(expected), problems.toString());
        assertEquals(1, problems.stream().filter(Problem::isError).count(), problems.toString());
        NibbleException refused = assertThrows(
                NibbleException.class,
                () -> ModelChecker.requireValid(read(HEAD + "graph { name: 'g' " + IN + graph + " }")));
        assertEquals(problems.getFirst().toString(), refused.getMessage());
    }

    @Test
    void aCycleNamesItsNodes() throws Exception {
        Model model = read(HEAD + "graph { name: 'g' " + IN
                + "node { name: 'a' op_type: 'Add' input: 'x' input: 'r' output: 'p' } "
                + "node { name: 'b' op_type: 'Abs' input: 'p' output: 'q' } "
                + "node { name: 'c' op_type: 'Relu' input: 'q' output: 'r' } "
                + "node { name: 'd' op_type: 'Relu' input: 'r' output: 's' } output { name: 's' } }");
        String circle = "node 'a' (Add) → node 'b' (Abs) → node 'c' (Relu) → node 'a' (Add)";
        List<Problem> problems = ModelChecker.check(model);
        assertEquals("the graph: has a cycle: " + circle, problems.getFirst().toString());
        NibbleException refused = assertThrows(NibbleException.class, () -> RunningOrder.sort(model));
        assertEquals("graph 'g' has a cycle: " + circle, refused.getMessage());
    }

    @Test
    void aNodeThatReadsItselfIsACycle() throws Exception {
        Model model =
                read(HEAD + "graph { name: 'g' " + IN + "node { name: 'a' op_type: 'Abs' input: 'y' output: 'y' } }");
        assertTrue(ModelChecker.check(model).getFirst().text().contains("node 'a' (Abs) → node 'a' (Abs)"));
    }

    @Test
    void aCycleOfManyNodesIsFoundWithoutRecursion() {
        List<Node> nodes = new ArrayList<>();
        int count = 50_000;
        for (int i = 0; i < count; i++) {
            nodes.add(Node.of("n" + i, "Abs", List.of("v" + i), List.of("v" + (i + 1) % count)));
        }
        Model model = Model.of(8, 17, Graph.of("g", nodes, List.of(), List.of(), List.of()));
        assertTrue(ModelChecker.check(model).getFirst().text().contains("… 49994 more"));
    }

    @Test
    void nodesOutOfOrderAreSortedAndThatIsSaid() throws Exception {
        Model model = read(HEAD + "graph { name: 'g' " + IN
                + "node { name: 'b' op_type: 'Abs' input: 'p' output: 'q' } "
                + "node { name: 'a' op_type: 'Relu' input: 'x' output: 'p' } output { name: 'q' } }");
        assertEquals(
                Problem.Severity.WARNING, ModelChecker.check(model).getFirst().severity());
        ModelChecker.Checked checked = ModelChecker.accept(model);
        assertEquals(
                List.of("a", "b"),
                checked.model().graph().nodes().stream().map(Node::name).toList());
        assertTrue(checked.problems().getFirst().text().contains("node 'b' (Abs) stood before"));
        assertEquals(List.of(), ModelChecker.check(checked.model()));
    }

    @Test
    void nodesInsideASubgraphAreSortedToo() throws Exception {
        Model model = read(HEAD + "graph { name: 'g' " + IN
                + "node { op_type: 'If' input: 'x' output: 'y' attribute { name: 'then_branch' type: GRAPH g { name: 's' "
                + "node { name: 'b' op_type: 'Abs' input: 'p' output: 'q' } "
                + "node { name: 'a' op_type: 'Relu' input: 'x' output: 'p' } output { name: 'q' } } } } }");
        RunningOrder.Sorted sorted = RunningOrder.sort(model);
        assertEquals("graph 's'", sorted.said().getFirst().where());
        assertEquals(
                "a",
                sorted.model()
                        .graph()
                        .nodes()
                        .getFirst()
                        .subgraphs()
                        .getFirst()
                        .nodes()
                        .getFirst()
                        .name());
    }

    @Test
    void aModelInOrderIsGivenBackItself() throws Exception {
        Model model = read(HEAD + "graph { name: 'g' " + IN + "node { op_type: 'Relu' input: 'x' output: 'p' } }");
        assertSame(model, ModelChecker.accept(model).model());
    }

    @Test
    void oldFilesListInitializersAsInputsToo() throws Exception {
        Model model = read("ir_version: 3 opset_import { version: 7 } graph { name: 'g' " + IN
                + "initializer { name: 'x' dims: 1 data_type: 1 float_data: 1 } }");
        assertEquals(List.of(), ModelChecker.check(model));
    }

    @Test
    void unknownTypesOldOpsetsAndStrippedWeightsAreWarnings() throws Exception {
        Model model = read("ir_version: 99 opset_import { version: 6 } graph { name: 'g' " + IN
                + "initializer { name: 'odd' dims: 1 data_type: 99 raw_data: 'a' } "
                + "initializer { name: 'bare' dims: 64 dims: 3 data_type: 1 } }");
        List<Problem> problems = ModelChecker.check(model);
        assertTrue(problems.stream().allMatch(p -> p.severity() == Problem.Severity.WARNING), problems.toString());
        assertEquals(4, problems.size(), problems.toString());
        assertEquals(List.of("bare"), ModelChecker.stripped(model));
        assertTrue(problems.toString().contains("1 of its tensors have no data: 'bare'"), problems.toString());
    }

    @Test
    void functionsAreCheckedAndMayNotCallThemselves() throws Exception {
        String function = "functions { name: 'F' domain: 'f' input: 'a' output: 'b' opset_import { version: 17 } "
                + "opset_import { domain: 'f' version: 1 } node { op_type: '%s' domain: '%s' input: '%s' output: 'b' } } ";
        String head = HEAD + "opset_import { domain: 'f' version: 1 } ";
        String graph = "graph { name: 'g' " + IN + "node { op_type: 'F' domain: 'f' input: 'x' output: 'y' } }";
        assertEquals(List.of(), ModelChecker.check(read(head + function.formatted("Abs", "", "a") + graph)));
        assertTrue(ModelChecker.check(read(head + function.formatted("F", "f", "a") + graph))
                .getFirst()
                .text()
                .contains("calls itself"));
        assertTrue(ModelChecker.check(read(head + function.formatted("Abs", "", "q") + graph))
                .getFirst()
                .text()
                .contains("reads 'q'"));
    }

    @Test
    void dimensionsThatNobodyCanHaveAreRefusedWhereverTheyStand() {
        Model model = Model.of(
                8,
                17,
                Graph.of(
                        "g",
                        List.of(),
                        List.of(),
                        List.of(new ValueInfo("x", new ValueType.TensorType(1, List.of(new Dim.Known(-2)), null))),
                        List.of()));
        assertTrue(ModelChecker.check(model).getFirst().isError());
        NibbleException overflow = assertThrows(
                NibbleException.class,
                () -> read(HEAD + "graph { initializer { name: 'w' dims: 9223372036854775807 dims: 9223372036854775807 "
                        + "data_type: 1 } }"));
        assertTrue(overflow.getMessage().contains("too many elements"), overflow.getMessage());
        NibbleException negative = assertThrows(
                NibbleException.class, () -> read(HEAD + "graph { initializer { name: 'w' dims: -1 data_type: 1 } }"));
        assertTrue(negative.getMessage().contains("at least 0"), negative.getMessage());
    }

    @ParameterizedTest
    @CsvSource({"FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16"})
    void nanAndInfinityAreNamedWithTheirFirstIndex(DataType type) {
        int size = 40_001;
        int width = type.bits() / 8;
        for (int at : new int[] {0, 16_383, 16_384, size - 1}) {
            for (double value : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY}) {
                MemorySegment data = MemorySegment.ofArray(new byte[size * width]);
                // The largest finite number of each type stands beside it.
                for (int i = 0; i < size; i++) {
                    put(
                            data,
                            type,
                            i,
                            type == DataType.FLOAT16 ? 65504 : type == DataType.DOUBLE ? Double.MAX_VALUE : 0x1.FEp127);
                }
                put(data, type, at, value);
                Initializer w = Initializer.of("w", new Tensor(type, Shape.of(size), data));
                Node reader = Node.of("c", "Conv", List.of("x", "w"), List.of("y"));
                Model model = Model.of(8, 17, Graph.of("g", List.of(reader), List.of(w), List.of(), List.of()));
                List<NonFiniteWeights.Finding> found = NonFiniteWeights.find(model);
                assertEquals(1, found.size());
                assertEquals(new NonFiniteWeights.Finding("w", type, at, value, false), found.getFirst());
                assertTrue(found.getFirst().problem().isError());
                assertTrue(found.getFirst().problem().toString().contains("tensor 'w'"));
            }
        }
    }

    private static void put(MemorySegment data, DataType type, int index, double value) {
        switch (type) {
            case DOUBLE -> data.set(Tensor.DOUBLE_LE, index * 8L, value);
            case FLOAT16 -> data.set(Tensor.SHORT_LE, index * 2L, Float.floatToFloat16((float) value));
            case BFLOAT16 ->
                data.set(Tensor.SHORT_LE, index * 2L, (short) (Float.floatToRawIntBits((float) value) >>> 16));
            default -> data.set(Tensor.FLOAT_LE, index * 4L, (float) value);
        }
    }

    @Test
    void anInfinityInAMaskIsANoteAndANanThereIsNot() {
        Node where = Node.of("w", "Where", List.of("c", "x", "mask"), List.of("y"));
        Initializer mask = Initializer.of("mask", Tensor.of(Shape.of(2), 0, Float.NEGATIVE_INFINITY));
        Model model = Model.of(8, 17, Graph.of("g", List.of(where), List.of(mask), List.of(), List.of()));
        assertEquals(
                Problem.Severity.NOTE,
                NonFiniteWeights.find(model).getFirst().problem().severity());
        Initializer nan = Initializer.of("mask", Tensor.of(Shape.of(2), Float.NEGATIVE_INFINITY, Float.NaN));
        NonFiniteWeights.Finding found = NonFiniteWeights.find(
                        Model.of(8, 17, Graph.of("g", List.of(where), List.of(nan), List.of(), List.of())))
                .getFirst();
        assertTrue(found.problem().isError());
        assertEquals(1, found.firstIndex());
    }

    private static Model read(String text) throws Exception {
        byte[] bytes = TextFormat.parse(text, OnnxMl.ModelProto.class).toByteArray();
        return ModelReader.read(MemorySegment.ofArray(bytes), "model", null);
    }
}
