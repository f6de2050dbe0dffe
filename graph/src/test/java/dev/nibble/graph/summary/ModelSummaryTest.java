package dev.nibble.graph.summary;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.SharedData;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.shape.ShapeInference;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelSummaryTest {
    /// Published figures, to the digits in which they are quoted: GMAC and millions of parameters.
    @ParameterizedTest
    @CsvSource({
        "mobilenet_v2, 0.30, 3.5",
        "mobilenet_v3_large, 0.22, 5.5",
        "resnet18, 1.81, 11.7",
        "resnet50, 4.09, 25.5",
        "inception_v3, 2.84, 23.8",
        "squeezenet1_1, 0.35, 1.2",
        "densenet121, 2.83, 7.9",
        "vit, 17.6, 86.5",
        "yolov8_det, 4.37, 3.2",
        "fcn_resnet50, 143, 32.9",
        "real_esrgan_general_x4v3, 19.8, 1.2",
    })
    void countsWhatIsPublished(String name, double gigaMacs, double megaParameters) {
        Model model = ModelReader.read(SharedData.path("npu/topologies/" + name + ".onnx"));
        ModelSummary summary = ModelSummary.of(model);
        assertEquals(gigaMacs, summary.macs() / 1e9, gigaMacs > 1 ? 0.005 * gigaMacs : 0.005);
        assertEquals(megaParameters, summary.parameters() / 1e6, 0.05);
        assertEquals(Map.of(), summary.withoutRule());
        assertEquals(List.of(), summary.withoutShape());
    }

    @Test
    void countsTheSameFromInferredShapes() {
        Model model = ModelReader.read(SharedData.path("npu/topologies/resnet50.onnx"));
        Graph g = model.graph();
        Model bare = model.withGraph(new Graph(
                g.name(),
                g.nodes(),
                g.initializers(),
                g.sparseInitializers(),
                g.inputs(),
                g.outputs(),
                List.of(),
                g.carried()));
        assertEquals(
                ModelSummary.of(model).macs(),
                ModelSummary.of(ShapeInference.infer(bare).model()).macs());
    }

    @Test
    void convolutionsOfEveryKind() {
        Shape x = Shape.of(1, 8, 10, 10);
        assertEquals(4 * 64 * 8 * 9, macs("Conv", x, Shape.of(4, 8, 3, 3)));
        assertEquals(8 * 64 * 9, macs("Conv", x, Shape.of(8, 1, 3, 3), Attribute.of("group", 8)));
        assertEquals(4 * 16 * 8 * 9, macs("Conv", x, Shape.of(4, 8, 3, 3), Attribute.ofInts("strides", 2, 2)));
        // Eight channels of 100 pixels, each spread to 4 channels by a 3×3 window.
        assertEquals(8 * 100 * 4 * 9, macs("ConvTranspose", x, Shape.of(8, 4, 3, 3)));
        assertEquals(8 * 100 * 2 * 9, macs("ConvTranspose", x, Shape.of(8, 2, 3, 3), Attribute.of("group", 4)));
        assertEquals(4 * 8 * 8 * 2 * 27, macs("Conv", Shape.of(1, 2, 10, 10, 3), Shape.of(4, 2, 3, 3, 3)));
    }

    @Test
    void matrixProducts() {
        assertEquals(5 * 7 * 3, macs("MatMul", Shape.of(5, 7), Shape.of(7, 3)));
        assertEquals(2 * 6 * 5 * 7 * 3, macs("MatMul", Shape.of(2, 6, 5, 7), Shape.of(6, 7, 3)));
        assertEquals(7, macs("MatMul", Shape.of(7), Shape.of(7)));
        assertEquals(
                5 * 7 * 3,
                macs("Gemm", Shape.of(7, 5), Shape.of(3, 7), Attribute.of("transA", 1), Attribute.of("transB", 1)));
    }

    @Test
    void recurrentCells() {
        // Steps 5, batch 2, input 3, hidden 4: each gate multiplies 4 × (3 + 4).
        assertEquals(5 * 2 * 4 * 4 * 7, cell("LSTM", 4, 1));
        assertEquals(5 * 2 * 3 * 4 * 7, cell("GRU", 3, 1));
        assertEquals(5 * 2 * 4 * 7, cell("RNN", 1, 1));
        assertEquals(2 * 5 * 2 * 4 * 4 * 7, cell("LSTM", 4, 2));
    }

    private static long cell(String op, int gates, int directions) {
        List<Initializer> weights =
                List.of(zeros("w", Shape.of(directions, gates * 4, 3)), zeros("r", Shape.of(directions, gates * 4, 4)));
        Node node = Node.of(
                "n",
                op,
                List.of("x", "w", "r"),
                List.of("y"),
                Attribute.of("hidden_size", 4),
                Attribute.of("direction", directions == 2 ? "bidirectional" : "forward"));
        return summary(List.of(node), weights, Shape.of(5, 2, 3)).macs();
    }

    private static long macs(String op, Shape x, Shape weight, Attribute... attributes) {
        Node node = Node.of("n", op, List.of("x", "w"), List.of("y"), attributes);
        return summary(List.of(node), List.of(zeros("w", weight)), x).macs();
    }

    @Test
    void whatCannotBeCountedIsListed() {
        Node einsum = Node.of("e", "Einsum", List.of("x", "w"), List.of("y"), Attribute.of("equation", "ij,jk->ik"));
        Node far =
                new Node("f", "Odd", "far.away", List.of("x"), List.of("z"), List.of(), dev.nibble.graph.Carried.NONE);
        Node blind = Node.of("b", "MatMul", List.of("z", "z"), List.of("q"));
        ModelSummary summary =
                summary(List.of(einsum, far, blind), List.of(zeros("w", Shape.of(2, 2))), Shape.of(2, 2));
        assertEquals(Map.of("Einsum", 1, "Odd", 1), summary.withoutRule());
        assertEquals(List.of("b"), summary.withoutShape());
        assertEquals(0, summary.macs());
        assertEquals(3, summary.nodes());
        assertEquals(
                List.of("Einsum", "MatMul", "far.away::Odd"),
                new ArrayList<>(summary.operators().keySet()));
    }

    @Test
    void sizesByType() {
        Initializer codes = Initializer.of(
                "c", new Tensor(DataType.INT4, Shape.of(5), java.lang.foreign.MemorySegment.ofArray(new byte[3])));
        Initializer indices = Initializer.of("i", Tensor.of(Shape.of(2), 1L, 2L));
        ModelSummary summary = summary(List.of(), List.of(zeros("w", Shape.of(3, 3)), codes, indices), Shape.of(1));
        assertEquals(Map.of("float", 36L, "int4", 3L, "int64", 16L), summary.bytesByType());
        assertEquals(14, summary.parameters());
        assertEquals(0, summary.stripped());
        assertEquals(
                List.of("x"), summary.inputs().stream().map(ValueInfo::name).toList());
    }

    private static Initializer zeros(String name, Shape shape) {
        return Initializer.of(name, Tensor.of(shape, new float[(int) shape.elements()]));
    }

    private static ModelSummary summary(List<Node> nodes, List<Initializer> weights, Shape x) {
        Graph graph = Graph.of("g", nodes, weights, List.of(ValueInfo.of("x", DataType.FLOAT, x)), List.of());
        return ModelSummary.of(ShapeInference.inferOwn(Model.of(8, 17, graph)).model());
    }
}
