package dev.nibble.quant.weight;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class EqualizeCrossLayerTest {
    private static final int CHANNELS = 4;

    private static Initializer weight(String name, long outputs, long inputs, double spread, Random random) {
        float[] values = new float[(int) (outputs * inputs)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * Math.pow(spread, i / inputs));
        }
        return Initializer.of(name, Tensor.of(Shape.of(outputs, inputs, 1, 1), values));
    }

    private static Initializer bias(String name) {
        return Initializer.of(name, Tensor.of(Shape.of(CHANNELS), 1f, 2f, 3f, 4f));
    }

    private static Node conv(String name, String in, int group) {
        return Node.of(
                name, "Conv", List.of(in, name + ".w", name + ".b"), List.of(name), Attribute.of("group", group));
    }

    /// 1×1 convolutions a → (Clip at 6) → depthwise d → Relu → b, with a residual around d.
    private static Model chain(Random random) {
        return Model.of(
                8,
                13,
                Graph.of(
                        "chain",
                        List.of(
                                conv("a", "x", 1),
                                Node.of("clip", "Clip", List.of("a", "zero", "six"), List.of("clip")),
                                conv("d", "clip", CHANNELS),
                                Node.of("relu", "Relu", List.of("d"), List.of("relu")),
                                Node.of("sum", "Add", List.of("relu", "clip"), List.of("sum")),
                                conv("b", "sum", 1)),
                        List.of(
                                weight("a.w", CHANNELS, CHANNELS, 10, random),
                                bias("a.b"),
                                weight("d.w", CHANNELS, 1, 0.2, random),
                                bias("d.b"),
                                weight("b.w", CHANNELS, CHANNELS, 1, random),
                                bias("b.b"),
                                Initializer.of("zero", Tensor.of(Shape.SCALAR, 0f)),
                                Initializer.of("six", Tensor.of(Shape.SCALAR, 6f))),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, CHANNELS, 1, 1))),
                        List.of(ValueInfo.of("b", DataType.FLOAT, Shape.of(1, CHANNELS, 1, 1)))));
    }

    /// Activity as if each channel had reached `reach`, and `above` its cap.
    private static Map<String, ChannelActivity> activity(Model model, float[] reach) {
        Map<String, ChannelActivity> activity = new LinkedHashMap<>();
        EqualizeCrossLayer.observed(model).forEach((value, seen) -> {
            seen.add(Tensor.of(Shape.of(1, CHANNELS, 1, 1), reach), 1);
            activity.put(value, seen);
        });
        return activity;
    }

    private static float[] values(Model model, String name) {
        return model.graph().initializer(name).orElseThrow().tensor().toFloats();
    }

    @Test
    void scalesRowsAndColumnsByOneFactorAndTiesTheResidual() {
        Model model = chain(new Random(1));
        EqualizeCrossLayer.Result result =
                EqualizeCrossLayer.apply(model, Scope.ALL, activity(model, new float[] {1, 1, 1, 1}));
        assertEquals(1, result.changes().size());
        float[] a = values(result.model(), "a.b");
        float[] d = values(result.model(), "d.b");
        float[] before = values(model, "d.w");
        float[] after = values(result.model(), "d.w");
        float[] read = values(result.model(), "b.w");
        for (int c = 0; c < CHANNELS; c++) {
            float s = (c + 1) / a[c];
            // clip and relu are added, so that both sides of d have one factor and its weight stays.
            assertEquals(s, (c + 1) / d[c], 1e-4 * s);
            assertEquals(before[c], after[c], 1e-4 * Math.abs(before[c]));
            for (int o = 0; o < CHANNELS; o++) {
                assertEquals(values(model, "b.w")[o * CHANNELS + c] * s, read[o * CHANNELS + c], 1e-3 * s);
            }
        }
        assertEquals(values(model, "b.b")[2], values(result.model(), "b.b")[2], "outputs of the graph stay");
    }

    @Test
    void aChannelThatReachesItsCapKeepsItsFactorAndNoneOutgrowsItsTensor() {
        Model model = chain(new Random(2));
        EqualizeCrossLayer.Result result =
                EqualizeCrossLayer.apply(model, Scope.ALL, activity(model, new float[] {9, 3, 0.5f, 3}));
        float[] a = values(result.model(), "a.b");
        assertEquals(1, a[0], 1e-6, "reaches 9, its cap is 6");
        float[] reach = {6, 3, 0.5f, 3};
        for (int c = 1; c < CHANNELS; c++) {
            float s = (c + 1) / a[c];
            assertTrue(reach[c] / s <= 6 * (1 + 1e-5), "channel " + c + " grows to " + reach[c] / s);
        }
        assertTrue(result.skipped().get("Clip").contains("reach their cap"), result.skipped()::toString);
    }

    @Test
    void saysWhereItFindsNothing() {
        Model model = Model.of(
                8,
                13,
                Graph.of(
                        "one",
                        List.of(conv("a", "x", 1)),
                        List.of(weight("a.w", CHANNELS, CHANNELS, 10, new Random(3)), bias("a.b")),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, CHANNELS, 1, 1))),
                        List.of(ValueInfo.of("a", DataType.FLOAT, Shape.of(1, CHANNELS, 1, 1)))));
        EqualizeCrossLayer.Result result =
                EqualizeCrossLayer.apply(model, Scope.ALL, activity(model, new float[] {1, 1, 1, 1}));
        assertEquals(List.of(), result.changes());
        assertEquals("the graph's output", result.skipped().get("a"));
    }

    @Test
    void constantChannelsMoveIntoTheBiasUnlessOtherSamplesDisagree() {
        Model model = chain(new Random(4));
        Map<String, ChannelActivity> found = activity(model, new float[] {7, -4, 2, 3});
        Map<String, ChannelActivity> heldOut = activity(model, new float[] {8, -5, 2, 3.5f});
        ZeroConstantChannels.Result result = ZeroConstantChannels.apply(model, Scope.ALL, found, heldOut);
        // Behind Clip: 6 and 6, 0 and 0, 2 and 2; but 3 and 3.5.
        float[] bias = values(result.model(), "a.b");
        assertEquals(6, bias[0]);
        assertEquals(0, bias[1]);
        assertEquals(2, bias[2]);
        assertEquals(4, bias[3]);
        float[] weights = values(result.model(), "a.w");
        for (int k = 0; k < 3 * CHANNELS; k++) {
            assertEquals(0, weights[k]);
        }
        assertTrue(weights[3 * CHANNELS] != 0);
        assertTrue(result.skipped().get("a").contains("constant on some samples"), result.skipped()::toString);
    }

    /// Behind Clip all are constant on both parts: far below 0 by more than half of their spread, near 0, far above the
    /// cap, and near it.
    @Test
    void aChannelNearItsActivationsBoundIsNotTakenForConstant() {
        Model model = chain(new Random(4));
        Map<String, ChannelActivity> found = activity(model, new float[] {-3, -1, 8, 6.5f});
        Map<String, ChannelActivity> heldOut = activity(model, new float[] {-5, -5, 9, 9});
        ZeroConstantChannels.Result result = ZeroConstantChannels.apply(model, Scope.ALL, found, heldOut);
        assertArrayEquals(new float[] {0, 2, 6, 4}, values(result.model(), "a.b"));
        assertTrue(
                result.skipped().get("a").startsWith("2 channels are constant only behind their activation"),
                result.skipped()::toString);
    }

    @Test
    void nothingIsZeroedWithoutSamplesToCheckItOn() {
        Model model = chain(new Random(4));
        ZeroConstantChannels.Result result =
                ZeroConstantChannels.apply(model, Scope.ALL, activity(model, new float[] {-3, -1, 8, 7}), Map.of());
        assertEquals(List.of(), result.changes());
        assertTrue(result.skipped().get("a").contains("no samples to check"), result.skipped()::toString);
    }
}
