package dev.nibble.npu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.npu.Estimate.LayerEstimate;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.CostModel;
import dev.nibble.npu.cost.LayerTime.Bottleneck;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.cost.Roofline;
import dev.nibble.npu.cost.Simple;
import dev.nibble.target.Targets;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class EstimatorTest {
    private static final double ROUNDING = 1e-9;

    private static Estimator estimator(String target, CostModel model, String runtime, double compression) {
        Machines machines = Machines.of(Targets.find(target));
        return new Estimator(machines.machine(), machines, model, runtime, compression);
    }

    private static Estimator estimator() {
        return estimator("sm8650", new Calibrated(), "qnn_dlc", 1);
    }

    private static Model net() {
        return new Nets()
                .input("x", 1, 64, 56, 56)
                .conv3("c", "x", 64, 128)
                .node("r", "Relu", "c")
                .conv3("d", "r", 128, 128)
                .node("y", "Sigmoid", "d")
                .output("y")
                .model();
    }

    @Test
    void theRunIsTheSumOfItsParts() {
        Estimate e = estimator().estimate("net", net(), LayerPrecisions.all(Precision.W8A8));
        double layers = e.layers().stream().mapToDouble(LayerEstimate::micros).sum();
        assertEquals(e.totalMicros(), layers + e.runMicros(), ROUNDING);
        assertTrue(e.lowMicros() <= e.totalMicros() && e.totalMicros() <= e.highMicros());
        assertEquals(
                1,
                e.layers().stream().mapToDouble(LayerEstimate::share).sum() + e.runMicros() / e.totalMicros(),
                ROUNDING);
        assertEquals(
                e.layers().stream().filter(l -> l.micros() > 0).count(),
                e.bottlenecks().values().stream().mapToInt(i -> i).sum());
    }

    @Test
    void aNodeInsideALayerIsListedWithIt() {
        Estimate e = estimator().estimate("net", net(), LayerPrecisions.all(Precision.W8A8));
        LayerEstimate relu = e.layers().stream()
                .filter(l -> l.op().equals("Relu"))
                .findFirst()
                .orElseThrow();
        assertEquals("c", relu.fusedInto());
        assertEquals(0, relu.micros());
        Estimate.FusionGain gain = e.fusions().getFirst();
        assertEquals(List.of("c", "r"), gain.nodes());
        assertTrue(gain.beforeMicros() > gain.afterMicros());
        assertEquals(2.0 * 128 * 56 * 56, gain.savedTrafficBytes());
    }

    @Test
    void runtimesAddWhatWasMeasured() {
        double dlc = estimator()
                .estimate("net", net(), LayerPrecisions.all(Precision.W8A8))
                .totalMicros();
        double onnx = estimator("sm8650", new Calibrated(), "onnx", 1)
                .estimate("net", net(), LayerPrecisions.all(Precision.W8A8))
                .totalMicros();
        assertEquals(Machines.of(Targets.find("sm8650")).runtimeMicros("onnx").orElseThrow(), onnx - dlc, ROUNDING);
        Estimate unknown = estimator("qcm6690", new Calibrated(), "qnn_context_binary", 1)
                .estimate("net", net(), LayerPrecisions.all(Precision.W8A8));
        assertTrue(unknown.said().getFirst().contains("was not measured"), () -> "" + unknown.said());
    }

    @Test
    void theOtherModelsSayThatTheyHaveNoCalibratedError() {
        for (CostModel model : List.of(new Roofline(), new Simple())) {
            Estimate e = estimator("sm8650", model, "qnn_dlc", 1)
                    .estimate("net", net(), LayerPrecisions.all(Precision.W8A8));
            assertTrue(e.basis().contains("no calibrated error"), e::basis);
            assertTrue(e.totalMicros() > 0);
        }
    }

    @Test
    void quantizersInTheModelGiveEachLayerItsPrecision() {
        Model qdq = quantized();
        Estimate e = estimator().estimate("qdq", qdq, LayerPrecisions.all(Precision.FP16));
        assertEquals("w8a8", e.layers().getFirst().precision());
        assertEquals("fp16", e.layers().getLast().precision());
        assertEquals("mixed", e.precision());
        assertEquals(3, e.layers().size(), "quantizers take no time");
        Estimate all = estimator().estimate("qdq", qdq, LayerPrecisions.uniform(Precision.W8A16));
        assertEquals("w8a16", all.precision());
    }

    /// A convolution between quantizers, and a float layer after it.
    private static Model quantized() {
        Tensor zero = new Tensor(DataType.UINT8, Shape.SCALAR, Arena.ofAuto().allocate(1));
        Tensor signed = new Tensor(DataType.INT8, Shape.SCALAR, Arena.ofAuto().allocate(1));
        return new Nets()
                .input("x", 1, 32, 8, 8)
                .scalar("s", 0.1f)
                .constant("z", zero)
                .constant("zw", signed)
                .weight("w", 32, 32, 1, 1)
                .node("xq", "QuantizeLinear", "x s z")
                .node("xd", "DequantizeLinear", "xq s z")
                .node("wq", "QuantizeLinear", "w s zw")
                .node("wd", "DequantizeLinear", "wq s zw")
                .node("c", "Conv", "xd wd", Attribute.ofInts("kernel_shape", 1, 1))
                .node("cq", "QuantizeLinear", "c s z")
                .node("cd", "DequantizeLinear", "cq s z")
                .node("t", "Tanh", "cd")
                .node("y", "Exp", "t")
                .output("y")
                .model();
    }

    @Test
    void encodingsGiveWidthsByTensor() {
        Estimate e = estimator()
                .estimate(
                        "net",
                        net(),
                        new LayerPrecisions(
                                Precision.FP16, Map.of("x", 16, "r", 16, "c", 16, "c_w", 4, "d", 8, "d_w", 8)));
        assertEquals("w4a16", e.layers().getFirst().precision());
        LayerEstimate last = e.layers().getLast();
        assertEquals("w8a8", last.precision(), "a layer without weights follows its input");
    }

    @Test
    void anUnknownOperatorIsNamed() {
        Model strange = Model.of(
                8,
                17,
                Graph.of(
                        "strange",
                        List.of(dev.nibble.graph.Node.of("n", "Frobnicate", List.of("x"), List.of("y"))),
                        List.of(),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 32, 8, 8))),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 32, 8, 8)))));
        Estimate e = estimator().estimate("strange", strange, LayerPrecisions.all(Precision.W8A8));
        Estimate.Finding finding = e.findings().stream()
                .filter(f -> f.code().equals("L107"))
                .findFirst()
                .orElseThrow();
        assertTrue(finding.text().contains("Frobnicate"));
        assertTrue(e.layers().getFirst().micros() > 0, "its bytes take time");
    }

    @Test
    void nothingToEstimateIsAnError() {
        Model empty = Model.of(8, 17, Graph.of("empty", List.of(), List.of(), List.of(), List.of()));
        NibbleException none = assertThrows(
                NibbleException.class, () -> estimator().estimate("e", empty, LayerPrecisions.all(Precision.W8A8)));
        assertTrue(none.getMessage().contains("no nodes"), none::getMessage);
    }

    @Test
    void unknownShapesAreListed() {
        Model open = Model.of(
                8,
                17,
                Graph.of(
                        "open",
                        List.of(dev.nibble.graph.Node.of("n", "Relu", List.of("x"), List.of("y"))),
                        List.of(),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1))),
                        List.of(new ValueInfo("y", new dev.nibble.graph.ValueType.TensorType(1, null, null)))));
        NibbleException refused = assertThrows(
                NibbleException.class, () -> estimator().estimate("o", open, LayerPrecisions.all(Precision.W8A8)));
        assertTrue(refused.getMessage().contains("y"), refused::getMessage);
        assertTrue(refused.hint().contains("--shape"), refused::hint);
    }

    @Test
    void bandwidthCompressionIsSaidToBeAssumed() {
        Model large = new Nets()
                .input("x", 1, 64, 512, 512)
                .conv3("c", "x", 64, 64)
                .conv3("y", "c", 64, 64)
                .output("y")
                .model();
        Estimate plain = estimator().estimate("l", large, LayerPrecisions.all(Precision.W8A8));
        Estimate half = estimator("sm8650", new Calibrated(), "qnn_dlc", 0.5)
                .estimate("l", large, LayerPrecisions.all(Precision.W8A8));
        double spilled =
                plain.layers().stream().mapToDouble(LayerEstimate::spilledBytes).sum();
        assertTrue(spilled > 0);
        double saved = spilled / 2 / (estimator().machine().get(Parameter.MEMORY_GBS) * 1e3);
        assertEquals(plain.totalMicros() - saved, half.totalMicros(), 1e-6);
        assertTrue(half.said().getFirst().contains("assumed"));
    }

    @Test
    void layersWaitForWhatTakesLongest() {
        Estimate e = estimator()
                .estimate(
                        "gemm",
                        new Nets()
                                .input("x", 1, 4096)
                                .weight("w", 4096, 4096)
                                .node("y", "MatMul", "x w")
                                .output("y")
                                .model(),
                        LayerPrecisions.all(Precision.W8A8));
        assertEquals(Bottleneck.MEMORY, e.layers().getFirst().bottleneck());
        assertFalse(e.layers().getFirst().intensity() > e.ridgeOperationsPerByte());
    }
}
