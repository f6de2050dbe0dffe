package dev.nibble.graph.pass;

import static dev.nibble.graph.pass.Graphs.assertSame;
import static dev.nibble.graph.pass.Graphs.ops;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Each step: the model gives the same in ONNX Runtime before and after.
class RaiseOpsetTest {
    private static Model raise(Model model, long to) {
        Model raised = new RaiseOpset(to).apply(model).model();
        assertEquals(to, raised.opset());
        assertSame(model, raised);
        return raised;
    }

    @ParameterizedTest
    @CsvSource({"1,9", "2,9", "0,11", "1,11", "-1,12", "1,12"})
    void softmaxOverAllAxesFromOneOn(int axis, long opset) {
        Graphs graph = new Graphs().input("x", 2, 3, 4).node("y", "Softmax", "x", Attribute.of("axis", axis));
        raise(graph.output("y").build(opset), 13);
    }

    @Test
    void softmaxOverChannelsAlone() {
        Graphs graph = new Graphs().input("x", 2, 3, 1, 1).node("y", "LogSoftmax", "x");
        assertEquals("LogSoftmax", ops(raise(graph.output("y").build(11), 13)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"nearest", "linear"})
    void upsample(String mode) {
        Attribute scales = new Attribute("scales", new Attribute.Value.OfFloats(List.of(1f, 1f, 2f, 3f)));
        Graphs graph =
                new Graphs().input("x", 1, 2, 3, 4).node("y", "Upsample", "x", scales, Attribute.of("mode", mode));
        assertEquals("Resize", ops(raise(graph.output("y").build(8), 13)));
    }

    @Test
    void resizeOfOpsetTenThatShrinks() {
        Graphs graph = new Graphs()
                .input("x", 1, 2, 9, 9)
                .constant("s", Tensor.of(Shape.of(4), 1f, 1f, 0.6f, 0.6f))
                .node("y", "Resize", "x s");
        raise(graph.output("y").build(10), 13);
    }

    @Test
    void attributesThatBecameInputs() {
        Graphs graph = new Graphs()
                .input("x", 2, 3, 4)
                .node(
                        "a",
                        "Slice",
                        "x",
                        Attribute.ofInts("starts", 1),
                        Attribute.ofInts("ends", 3),
                        Attribute.ofInts("axes", 2))
                .node("b", "Pad", "a", Attribute.ofInts("pads", 0, 1, 0, 0, 0, 2), Attribute.of("value", 0.5f))
                .node("c", "Clip", "b", Attribute.of("max", 0.7f))
                .node("d", "Unsqueeze", "c", Attribute.ofInts("axes", 0))
                .node("e", "Squeeze", "d", Attribute.ofInts("axes", 0))
                .node("f", "ReduceSum", "e", Attribute.ofInts("axes", 1), Attribute.of("keepdims", 0))
                .node("g", "Dropout", "f", Attribute.of("ratio", 0.3f))
                .node("h", "ReduceMax", "g", Attribute.ofInts("axes", -1))
                .output("h");
        Model raised = raise(graph.build(7), 18);
        assertEquals("Slice Pad Clip Unsqueeze Squeeze ReduceSum Dropout ReduceMax", ops(raised));
        assertTrue(raised.graph().names().containsAll(Set.of("a", "b", "c", "d", "e", "f", "g", "h")));
    }

    @Test
    void splitWithoutSizes() {
        Node split = Node.of("s", "Split", List.of("x"), List.of("a", "b"), Attribute.of("axis", 1));
        Graph graph = Graph.of(
                "test",
                List.of(split),
                List.of(),
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(2, 4))),
                List.of(
                        ValueInfo.of("a", DataType.FLOAT, Shape.of(2, 2)),
                        ValueInfo.of("b", DataType.FLOAT, Shape.of(2, 2))));
        raise(Model.of(7, 11, graph), 21);
    }

    @Test
    void insideSubgraphs() {
        Graph body = Graph.of(
                "body",
                List.of(Node.of("r", "ReduceSum", List.of("x"), List.of("in"), Attribute.ofInts("axes", 1))),
                List.of(),
                List.of(),
                List.of(ValueInfo.of("in", DataType.FLOAT, Shape.of(2, 1))));
        Node branch = Node.of(
                "if",
                "If",
                List.of("c"),
                List.of("y"),
                new Attribute("then_branch", new Attribute.Value.OfGraph(body)),
                new Attribute("else_branch", new Attribute.Value.OfGraph(body)));
        Initializer condition = Initializer.of("c", Numbers.integers(DataType.BOOL, Shape.SCALAR, 1));
        Graph graph = Graph.of(
                "test",
                List.of(branch),
                List.of(condition),
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(2, 4))),
                List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(2, 1))));
        raise(Model.of(7, 11, graph), 13);
    }

    @Test
    void dropsInitializersFromTheInputsOfOldFiles() {
        Graph graph = Graph.of(
                "test",
                List.of(Node.of("y", "Add", List.of("x", "w"), List.of("y"))),
                List.of(Initializer.of("w", Tensor.of(Shape.of(2), 1f, 2f))),
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(2)), ValueInfo.of("w", DataType.FLOAT, Shape.of(2))),
                List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(2))));
        Model raised = raise(Model.of(3, 8, graph), 13);
        assertEquals(1, raised.graph().inputs().size());
        assertEquals(7, raised.irVersion());
    }

    @Test
    void refusesByName() {
        Model scan =
                new Graphs().input("x", 2).node("y", "Scan", "x").output("y").build(8);
        NibbleException refused = assertThrows(NibbleException.class, () -> new RaiseOpset(13).apply(scan));
        assertEquals(
                "node 'y' (Scan) cannot be raised to opset 9: its older form, with lengths and a batch, has no counterpart",
                refused.getMessage());
        assertEquals("export the model again with opset 13 or newer", refused.hint());
    }

    /// IR versions by release ([Versioning](https://github.com/onnx/onnx/blob/main/docs/Versioning.md)).
    @Test
    void knowsTheIrVersionOfEachOpset() {
        Map<Long, Long> table = Map.ofEntries(
                Map.entry(8L, 3L),
                Map.entry(9L, 4L),
                Map.entry(10L, 5L),
                Map.entry(11L, 6L),
                Map.entry(12L, 7L),
                Map.entry(13L, 7L),
                Map.entry(14L, 7L),
                Map.entry(15L, 8L),
                Map.entry(18L, 8L),
                Map.entry(19L, 9L),
                Map.entry(20L, 9L),
                Map.entry(21L, 10L),
                Map.entry(22L, 10L),
                Map.entry(23L, 11L),
                Map.entry(24L, 12L),
                Map.entry(25L, 13L),
                Map.entry(26L, 13L));
        table.forEach((opset, ir) -> assertEquals(ir, RaiseOpset.irFor(opset), "opset " + opset));
    }
}
