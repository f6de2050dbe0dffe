package dev.nibble.graph.shape;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.SharedData;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.ModelReader;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BindShapesTest {
    private static final Dim N = new Dim.Symbol("N");
    private static final Dim H = new Dim.Symbol("H");
    private static final Dim THREE = new Dim.Known(3);

    @Test
    void bindsANameWhereverItStands() {
        BindShapes.Bound bound =
                BindShapes.bind(model(List.of(N, THREE, H), List.of(N, H)), Map.of("a", new long[] {2, 3, 8}));
        assertEquals(Map.of("a", Shape.of(2, 3, 8), "b", Shape.of(2, 8)), bound.bound());
        assertEquals(List.of(), bound.said());
        assertEquals(Shape.of(2, 3, 8), bound.requireStatic().graph().shape("y").orElseThrow());
    }

    @Test
    void anOpenBatchBecomesOneAndThatIsSaid() {
        BindShapes.Bound bound = BindShapes.bind(model(List.of(N, THREE), List.of(N)), Map.of());
        assertEquals(Map.of("a", Shape.of(1, 3), "b", Shape.of(1)), bound.bound());
        assertEquals(List.of("'N' is taken for the batch and set to 1"), bound.said());
        BindShapes.Bound unnamed = BindShapes.bind(model(List.of(new Dim.Unknown()), List.of(THREE)), Map.of());
        assertEquals(List.of("axis 0 of input 'a' is taken for the batch and set to 1"), unnamed.said());
    }

    @Test
    void otherOpenAxesStayAndStopWhoNeedsThem() {
        BindShapes.Bound bound = BindShapes.bind(model(List.of(N, H), List.of(N)), Map.of());
        assertEquals("{a=float[1×H]}", bound.open().toString());
        NibbleException refused = assertThrows(NibbleException.class, bound::requireStatic);
        assertEquals("input 'a' has an open shape: float[1×H]", refused.getMessage());
        assertEquals("give it one: --shape a=1,<H>", refused.hint());
    }

    @Test
    void aModelOfFixedShapesIsGivenBackItself() {
        Model model = model(List.of(THREE), List.of(THREE));
        assertSame(model, BindShapes.bind(model, Map.of()).requireStatic());
        assertSame(model, BindShapes.bind(model, Map.of("a", new long[] {3})).requireStatic());
    }

    @ParameterizedTest
    @CsvSource({
        "q, 1, the model has no input 'q'",
        "a, 2:3, but was given the shape",
        "a, 2:4:8, has the fixed size 3 at axis 1",
        "a, 2:3:-8, was given the size -8",
    })
    void whatDoesNotFitIsRefused(String name, String sizes, String expected) {
        long[] shape = java.util.Arrays.stream(sizes.split(":"))
                .mapToLong(Long::parseLong)
                .toArray();
        Model model = model(List.of(N, THREE, H), List.of(N, H));
        NibbleException refused =
                assertThrows(NibbleException.class, () -> BindShapes.bind(model, Map.of(name, shape)));
        assertTrue(refused.getMessage().contains(expected), refused.getMessage());
    }

    @Test
    void oneNameHasOneSize() {
        Model model = model(List.of(N, THREE), List.of(N));
        NibbleException refused = assertThrows(
                NibbleException.class,
                () -> BindShapes.bind(model, Map.of("a", new long[] {2, 3}, "b", new long[] {4})));
        assertEquals("'N' was given two sizes, 2 and 4", refused.getMessage());
    }

    @Test
    void afterBindingARealModelEveryShapeIsKnown() {
        Model model = ModelReader.read(SharedData.path("assets/models/cifar10_resnet20.onnx"));
        Model fixed = BindShapes.bind(model, Map.of()).requireStatic();
        for (ShapeInference.Result result : List.of(ShapeInference.infer(fixed), ShapeInference.inferOwn(fixed))) {
            Graph graph = result.model().graph();
            for (Node node : graph.nodes()) {
                for (String output : node.outputs()) {
                    assertTrue(graph.shape(output).isPresent(), output);
                }
            }
        }
    }

    private static Model model(List<Dim> a, List<Dim> b) {
        return Model.of(
                8,
                17,
                Graph.of(
                        "g",
                        List.of(Node.of("n", "Relu", List.of("a"), List.of("y"))),
                        List.of(),
                        List.of(value("a", a), value("b", b)),
                        List.of(value("y", a))));
    }

    private static ValueInfo value(String name, List<Dim> dims) {
        return new ValueInfo(name, new ValueType.TensorType(1, dims, null));
    }
}
