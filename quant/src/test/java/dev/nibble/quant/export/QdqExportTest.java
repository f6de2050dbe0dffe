package dev.nibble.quant.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.place.GraphText;
import dev.nibble.quant.place.Placement;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.SmallModels;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.target.HtpArch;
import dev.nibble.target.QuantSimConfig;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QdqExportTest {
    static Precision precision(String name) {
        return switch (name) {
            case "W8A8" -> Precision.of(8, WeightGranularity.CHANNEL, 8);
            case "W8A8 per tensor" -> Precision.of(8, WeightGranularity.TENSOR, 8);
            case "W8A16" -> Precision.of(8, WeightGranularity.CHANNEL, 16);
            case "W4A8" -> Precision.of(4, WeightGranularity.CHANNEL, 8);
            default -> throw new AssertionError(name);
        };
    }

    static Calibrated calibrated(Model model, Precision precision) {
        List<Map<String, Tensor>> samples = List.of(GraphText.sample(model, 1), GraphText.sample(model, 2));
        return Calibrated.of(model, QuantSimConfig.htp(HtpArch.V75), precision, samples);
    }

    /// With optimization off the file computes in float between its quantizers, so it differs from the node
    /// by node run only where float rounding (the order of sums, the bias on its own grid) puts a value on
    /// the other side of a rounding boundary: by a step, seldom.
    @ParameterizedTest
    @ValueSource(strings = {"W8A8", "W8A8 per tensor", "W8A16", "W4A8"})
    void theFileComputesWhatThePlanMeans(String name) {
        Precision precision = precision(name);
        SmallModels.all(precision.requiredOpset()).forEach((label, model) -> {
            Calibrated calibrated = calibrated(model, precision);
            Model qdq = ModelReader.read(
                    MemorySegment.ofArray(ModelWriter.toBytes(calibrated.qdq(Boundary.FLOAT))), label, null);
            Map<String, Tensor> sample = GraphText.sample(model, 9);
            float[] wanted = Objects.requireNonNull(NodeByNode.run(calibrated.plan(), calibrated.quantization(), sample)
                            .get("y"))
                    .toFloats();
            Encoding grid = Objects.requireNonNull(
                    calibrated.quantization().activations().get("y"));
            int different = 0;
            try (OrtRun run = OrtRun.open(qdq, List.of("y"), false)) {
                float[] got = run.floats(sample);
                for (int i = 0; i < got.length; i++) {
                    double steps = Math.abs(got[i] - wanted[i]) / grid.scale();
                    different += steps > 0.01 ? 1 : 0;
                    double allowed = grid.grid().bits() == 8 ? 1.01 : 16;
                    assertTrue(steps <= allowed, label + " differs by " + steps + " steps");
                }
                double share = grid.grid().bits() == 8 ? 0.05 : 0.5;
                assertTrue(different <= Math.max(1, share * got.length), label + ": " + different + " differ");
            }
        });
    }

    /// `Transpose → convert → MatMul` is taken apart by ONNX Runtime before the HTP's compiler sees it.
    @Test
    void aTransposedOperandIsConvertedBeforeItIsTransposed() {
        Precision precision = precision("W8A16");
        Model model = Objects.requireNonNull(
                SmallModels.all(precision.requiredOpset()).get("Softmax"));
        var graph = calibrated(model, precision).qdq(Boundary.FLOAT).graph();
        Node transpose = graph.nodes().stream()
                .filter(node -> node.is("Transpose"))
                .findFirst()
                .orElseThrow();
        for (String value : List.of(
                transpose.input(0),
                graph.consumers(graph.consumers(transpose.output(0)).getFirst().output(0))
                        .getFirst()
                        .output(0))) {
            Node dequantize = graph.producer(value).orElseThrow();
            assertTrue(dequantize.is("DequantizeLinear"));
            assertEquals(
                    DataType.INT16, graph.type(dequantize.input(2)).orElseThrow(), "the type behind " + dequantize);
        }
        assertTrue(graph
                .consumers(graph.consumers(
                                graph.consumers(transpose.output(0)).getFirst().output(0))
                        .getFirst()
                        .output(0))
                .stream()
                .allMatch(node -> node.is("MatMul")));
    }

    /// Behind a quantizer from 0 up a Relu is superfluous, but not for a branch that reads the value itself.
    @Test
    void aReluThatASubgraphReadsIsNotDropped() {
        Graph branch = Graph.of(
                "branch",
                List.of(Node.of("inner", "Identity", List.of("r"), List.of("inside"))),
                List.of(),
                List.of(),
                List.of(ValueInfo.of("inside", DataType.FLOAT, Shape.of(1, 2, 4, 4))));
        Model model = new GraphText()
                .input("x", 1, 2, 4, 4)
                .weight("w", 1, 2, 2, 1, 1)
                .constant("which", new Tensor(DataType.BOOL, Shape.SCALAR, MemorySegment.ofArray(new byte[] {1})))
                .node("Conv", "x w", "c")
                .node("Relu", "c", "r")
                .node(
                        "If",
                        "which",
                        "y",
                        new Attribute("then_branch", new Attribute.Value.OfGraph(branch)),
                        new Attribute("else_branch", new Attribute.Value.OfGraph(branch)))
                .output("y", 1, 2, 4, 4)
                .model();
        Model qdq = calibrated(model, precision("W8A8")).qdq(Boundary.FLOAT);
        try (OrtRun run = OrtRun.open(qdq, List.of("y"), false)) {
            for (float value : run.floats(GraphText.sample(model, 9))) {
                assertTrue(value >= 0, "the branch saw " + value + " behind a Relu");
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"W8A8", "W8A16"})
    void integersAtTheBoundary(String name) {
        Precision precision = precision(name);
        Model model = SmallModels.all(precision.requiredOpset()).get("Conv-Relu");
        Calibrated calibrated = calibrated(model, precision);
        Model qdq = calibrated.qdq(Boundary.QUANTIZED);
        DataType type = precision.activationBits().getAsInt() == 8 ? DataType.UINT8 : DataType.UINT16;
        assertEquals(type, qdq.graph().type("x").orElseThrow());
        assertEquals(type, qdq.graph().type("y").orElseThrow());
        assertEquals(
                0,
                qdq.graph().consumers("x").stream()
                        .filter(n -> n.is("QuantizeLinear"))
                        .count());
        OrtRun.open(qdq, List.of("y"), false).close();
    }

    @Test
    void aReluIsDroppedWhereTheGridCoversIt() {
        Model model = SmallModels.all(17).get("Conv-Relu");
        Calibrated calibrated = calibrated(model, precision("W8A8"));
        ExportResult result = QdqExport.export(calibrated.plan(), calibrated.quantization(), Boundary.FLOAT);
        assertEquals(List.of("node_r"), result.dropped());
        assertEquals(
                "Conv", result.model().graph().producer("r").map(Node::opType).orElse(""));
    }

    @Test
    void weightsAreIntegersAndFourBitsArePacked() {
        Model model = SmallModels.all(21).get("Gemm");
        Model qdq = calibrated(model, precision("W4A8")).qdq(Boundary.FLOAT);
        var codes = qdq.graph().initializer("w_quantized").orElseThrow();
        assertEquals(DataType.INT4, codes.type());
        assertEquals(8 * 6 / 2, codes.packedBytes());
        assertTrue(qdq.graph().initializer("w").isEmpty());
        for (long i = 0; i < 48; i++) {
            assertTrue(Math.abs(codes.tensor().longAt(i)) <= 7, "strict symmetric");
        }
    }

    @Test
    void anOldOpsetIsRefusedWithTheWayOut() {
        Model model = SmallModels.all(17).get("Gemm");
        PlacementPlan plan = Placement.plan(model, QuantSimConfig.htp(HtpArch.V75), precision("W4A8"));
        NibbleException e = assertThrows(
                NibbleException.class,
                () -> QdqExport.export(plan, dev.nibble.quant.place.Quantization.EMPTY, Boundary.FLOAT));
        assertEquals("W4A8 needs opset 21, but the model is written in opset 17", e.getMessage());
    }
}
