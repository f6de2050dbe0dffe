package dev.nibble.quant.place;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.Symmetry;
import dev.nibble.target.HtpArch;
import dev.nibble.target.QuantSimConfig;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlacementTest {
    private static final Precision W8A8 = Precision.of(8, WeightGranularity.CHANNEL, 8);
    private static final Precision W8A16 = Precision.of(8, WeightGranularity.CHANNEL, 16);

    static PlacementPlan plan(Model model, Precision precision) {
        return Placement.plan(model, QuantSimConfig.htp(HtpArch.V75), precision);
    }

    /// One line for each quantizer: `*` observed, `=v` shares the encoding of v, `!` fixed, `()` only in
    /// QDQ.
    static String golden(PlacementPlan plan) {
        StringBuilder text = new StringBuilder();
        for (ActivationQuantizer a : plan.activations()) {
            String line = a.name()
                    + (a.observed() ? "*" : "")
                    + (a.isSource() ? "" : "=" + a.source())
                    + (a.fixed().isPresent() ? "!" : "");
            text.append(a.inEncodings() ? line : "(" + line + ")").append(' ');
        }
        text.append("| ");
        for (WeightQuantizer w : plan.weights()) {
            String axis = switch (w.scheme().granularity()) {
                case Granularity.PerTensor() -> "";
                case Granularity.PerChannel(int at) -> "@" + at;
                case Granularity.PerBlock(int at, int size) -> "@" + at + "/" + size;
            };
            String kind = w.scheme().symmetry() == Symmetry.ASYMMETRIC ? "u" : "s";
            text.append(w.name())
                    .append(':')
                    .append(kind)
                    .append(w.scheme().bits())
                    .append(axis)
                    .append(' ');
        }
        plan.biases().forEach(b -> text.append(b.name()).append(":bias "));
        plan.conversions()
                .forEach(c -> text.append(
                        "%s→%s:%s%d ".formatted(c.value(), c.node(), c.symmetric() ? "s" : "u", c.toBits())));
        return text.toString().strip();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "Conv-Relu; x* (c=r) r* p=r y* | w:s8@0 b:bias",
                "depthwise-Clip; x* (c=y) y* | w:s8@0",
                "residual; x* c* (a=y) y* | w:s8@0 b:bias",
                "Concat; x* s! a*=x t=x y*=x |",
                "MatMul-Add-Gelu; x* (m*) a* y* | w:s8@1 b:u8",
                "LayerNorm; x* y* | g:u8 b:bias",
                "Softmax; q* k* kt=k s* p! y* |",
                "LeakyRelu; x* (c*) y* | w:s8@0",
                "ConvTranspose; x* y* | w:s8@1 b:bias",
                "Gemm; x* (h=r) r* y* | w:s8@1 v:s8@0 b:bias",
            })
    void placesEightBits(String model, String expected) {
        assertEquals(expected, golden(plan(SmallModels.all(17).get(model), W8A8)));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "LayerNorm; x* y* | g:s16 b:bias",
                "Softmax; q* k* kt=k s* p! y* | kt→s:s16 k→y:s16",
            })
    void placesSixteenBits(String model, String expected) {
        assertEquals(expected, golden(plan(SmallModels.all(17).get(model), W8A16)));
    }

    @Test
    void builtInRangesFollowTheWidth() {
        Model model = new GraphText()
                .input("x", 1, 4)
                .node("Sigmoid", "x", "s")
                .node("Tanh", "s", "y")
                .output("y", 1, 4)
                .model();
        Map<String, ActivationQuantizer> wide = plan(model, W8A16).activationsByName();
        assertEquals(0x1p-16f, wide.get("s").fixed().orElseThrow().scale());
        assertEquals(0x1p-15f, wide.get("y").fixed().orElseThrow().scale());
        assertEquals(32768, wide.get("y").fixed().orElseThrow().zeroPoint());
        Map<String, ActivationQuantizer> narrow = plan(model, W8A8).activationsByName();
        assertEquals(1 / 255f, narrow.get("s").fixed().orElseThrow().scale());
        assertEquals(128, narrow.get("y").fixed().orElseThrow().zeroPoint());
    }

    @Test
    void widthBoundariesAreConverted() {
        PlacementPlan plan = plan(SmallModels.all(21).get("residual"), W8A8.withActivationOverrides(Map.of("c", 16)));
        assertEquals("x* c* (a=y) y* | w:s8@0 b:bias x→c:u16 c→a:u8", golden(plan));
        assertEquals(21, plan.requiredOpset());
    }

    @Test
    void perTensorAndBlocks() {
        Model model = SmallModels.all(21).get("Gemm");
        assertTrue(golden(plan(model, Precision.of(8, WeightGranularity.TENSOR, 8)))
                .contains("w:s8 v:s8"));
        PlacementPlan blocks = plan(model, Precision.of(4, new WeightGranularity.PerBlock(4), 16));
        assertTrue(golden(blocks).contains("w:s4@0/4 v:s4@0"), golden(blocks));
        assertTrue(blocks.notes().getFirst().text().contains("6 input channels are not a multiple of 4"));
    }

    @Test
    void floatActivationsQuantizeWeightsOnly() {
        PlacementPlan plan =
                plan(SmallModels.all(17).get("Conv-Relu"), Precision.weightsOnly(8, WeightGranularity.CHANNEL));
        assertEquals("| w:s8@0", golden(plan));
    }

    @Test
    void aSharedBiasGetsANameForEachUse() {
        Model model = new GraphText()
                .input("x", 1, 3, 4, 4)
                .weight("w", 0.3, 3, 3, 1, 1)
                .weight("b", 0.1, 3)
                .node("Conv", "x w b", "c")
                .node("Conv", "c w b", "y")
                .output("y", 1, 3, 4, 4)
                .model();
        PlacementPlan plan = plan(model, W8A8);
        assertEquals(
                List.of("b", "b_split"),
                plan.biases().stream().map(BiasQuantizer::name).toList());
        assertEquals("b", plan.renamed().get("b_split"));
    }

    @Test
    void whatStaysInFloatIsSaid() {
        Model model = new GraphText()
                .input("x", 1, 4)
                .node("Celu", "x", "c")
                .node("Add", "c x", "y")
                .output("y", 1, 4)
                .model();
        PlacementPlan plan = plan(model, W8A8);
        assertEquals("x* c* y* |", golden(plan));
        assertEquals(
                "[Skipped[node=node_c, op=Celu, reason=the HTP has no quantized Celu]]",
                plan.skipped().toString());
    }

    @Test
    void refusesWhatCannotBeQuantized() {
        Model integers = new GraphText()
                .input("x", 4)
                .node("Shape", "x", "y")
                .output(dev.nibble.graph.DataType.INT64, "y", 1)
                .model();
        assertEquals(
                "the model has no float operators that can be quantized",
                assertThrows(NibbleException.class, () -> plan(integers, W8A8)).getMessage());
        Model quantized = new GraphText()
                .input("x", 4)
                .node("DynamicQuantizeLinear", "x", "q s z")
                .node("DequantizeLinear", "q s z", "y")
                .output("y", 4)
                .model();
        assertTrue(assertThrows(NibbleException.class, () -> plan(quantized, W8A8))
                .getMessage()
                .startsWith("the model is quantized already"));
        NibbleException name = assertThrows(
                NibbleException.class,
                () -> plan(SmallModels.all(17).get("Gemm"), W8A8.withActivationOverrides(Map.of("nowhere", 16))));
        assertTrue(name.getMessage().contains("nowhere"));
    }

    /// A mask of −3.4e38 would set the range of what Softmax reads, and leave no steps for the scores.
    @Test
    void masksAreBounded() {
        Model model = new GraphText()
                .input("x", 1, 4, 4)
                .constant(
                        "mask",
                        dev.nibble.graph.Tensor.of(
                                dev.nibble.graph.Shape.of(4), 0f, 0f, -Float.MAX_VALUE, Float.NEGATIVE_INFINITY))
                .constant("shape", dev.nibble.graph.Tensor.of(dev.nibble.graph.Shape.of(2), 1L, 4L))
                .node("Reshape", "mask shape", "m")
                .node("Add", "x m", "a")
                .node("Softmax", "a", "y")
                .output("y", 1, 4, 4)
                .model();
        PlacementPlan plan = plan(model, W8A8);
        org.junit.jupiter.api.Assertions.assertArrayEquals(
                new float[] {0, 0, -100, -100},
                plan.model().graph().initializer("mask").orElseThrow().tensor().toFloats());
        assertEquals("Q102", plan.notes().getFirst().code());
    }

    /// TensorFlow and JAX write masks as Where(mask, scores, −∞).
    @Test
    void aMaskThatWhereFillsInIsBounded() {
        Model model = new GraphText()
                .input("x", 1, 4, 4)
                .constant(
                        "keep",
                        new dev.nibble.graph.Tensor(
                                dev.nibble.graph.DataType.BOOL,
                                dev.nibble.graph.Shape.of(4),
                                java.lang.foreign.MemorySegment.ofArray(new byte[] {1, 1, 0, 1})))
                .constant("fill", dev.nibble.graph.Tensor.of(dev.nibble.graph.Shape.of(1), Float.NEGATIVE_INFINITY))
                .node("Where", "keep x fill", "a")
                .node("Softmax", "a", "y")
                .output("y", 1, 4, 4)
                .model();
        PlacementPlan plan = plan(model, W8A8);
        assertEquals(
                -100f,
                plan.model().graph().initializer("fill").orElseThrow().tensor().floatAt(0));
    }

    /// Max(x, −∞), as JAX writes the start of a reduction, is legal; no integer stands for the bound.
    @Test
    void anOperatorWithAnInfiniteBoundStaysInFloat() {
        Model model = new GraphText()
                .input("x", 1, 4)
                .constant("bound", dev.nibble.graph.Tensor.of(dev.nibble.graph.Shape.of(1), Float.NEGATIVE_INFINITY))
                .node("Max", "x bound", "a")
                .node("Relu", "a", "y")
                .output("y", 1, 4)
                .model();
        PlacementPlan plan = plan(model, W8A8);
        assertTrue(plan.weights().isEmpty());
        assertEquals(
                "its constant 'bound' holds an infinity, which no code stands for",
                plan.skipped().getFirst().reason());
    }

    /// `|b / (s_x · s_w)| < 2³¹`: one channel of tiny weights and a large bias.
    @Test
    void aBiasThatWouldOverflowRaisesTheWeightScale() {
        Model model = new GraphText()
                .input("x", 1, 1, 2, 2)
                .constant("w", dev.nibble.graph.Tensor.of(dev.nibble.graph.Shape.of(2, 1, 1, 1), 1f, 1e-9f))
                .constant("b", dev.nibble.graph.Tensor.of(dev.nibble.graph.Shape.of(2), 1f, 100f))
                .node("Conv", "x w b", "y", Attribute.ofInts("kernel_shape", 1, 1))
                .output("y", 1, 2, 2, 2)
                .model();
        PlacementPlan plan = plan(model, W8A8);
        Map<String, Encoding> ranges = new HashMap<>();
        plan.observedBySource().keySet().forEach(s -> ranges.put(s, Encoding.ofRange(-1, 101, 8, Symmetry.ASYMMETRIC)));
        QuantizeModel.Result result = QuantizeModel.apply(plan, ranges);
        assertEquals(
                List.of("Q104"), result.findings().stream().map(Finding::code).toList());
        var bias = result.quantization().biases().get("b");
        assertTrue(Math.abs(bias.codes().longAt(1)) <= 1L << 30);
        assertEquals(
                100f,
                ((dev.nibble.quant.TensorEncoding.Affine) bias.encoding()).at(1).dequantize((int)
                        bias.codes().longAt(1)),
                1e-3f);
    }
}
