package dev.nibble.quant.weight;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.quant.weight.EqualizeCrossLayer.Rule;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Ranges behind normalizations moved into weights: SmoothQuant as a rule of cross-layer equalization.
class SmoothActivationsTest {
    private static final float[] REACH = {8, 2, 0.5f, 0};
    private static final float[] FIRST = {1, 2, 4, 1, 0.5f, -3, 1, 1};
    private static final float[] SECOND = {0.25f, 1, -2, 0, 4, 0, 0, 1};

    private static Initializer vector(String name, float... values) {
        return Initializer.of(name, Tensor.of(Shape.of(values.length), values));
    }

    private static Model model(List<Node> nodes, Initializer... constants) {
        List<Initializer> all = new ArrayList<>(List.of(constants));
        all.add(Initializer.of("q.w", Tensor.of(Shape.of(4, 2), FIRST)));
        all.add(Initializer.of("k.w", Tensor.of(Shape.of(4, 2), SECOND)));
        List<Node> complete = new ArrayList<>(nodes);
        complete.add(Node.of("q", "MatMul", List.of("n", "q.w"), List.of("q")));
        complete.add(Node.of("k", "MatMul", List.of("n", "k.w"), List.of("k")));
        Graph graph = Graph.of(
                "norm",
                complete,
                all,
                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 3, 4))),
                List.of(
                        ValueInfo.of("q", DataType.FLOAT, Shape.of(1, 3, 2)),
                        ValueInfo.of("k", DataType.FLOAT, Shape.of(1, 3, 2))));
        return Model.of(
                8,
                17,
                graph.edit(edit -> edit.declare(ValueInfo.of("n", DataType.FLOAT, Shape.of(1, 3, 4)))
                        .declare(ValueInfo.of("m", DataType.FLOAT, Shape.of(1, 3, 4)))));
    }

    private static Model layerNorm() {
        return model(
                List.of(Node.of("n", "LayerNormalization", List.of("x", "scale", "shift"), List.of("n"))),
                vector("scale", 1, 2, 3, 4),
                vector("shift", -1, 0, 1, 2));
    }

    private static Map<String, ChannelActivity> activity(Model model) {
        Map<String, ChannelActivity> activity = new LinkedHashMap<>();
        EqualizeCrossLayer.observed(model).forEach((value, seen) -> {
            if (model.graph().shape(value).orElseThrow().dim(-1) == 4) {
                seen.add(Tensor.of(Shape.of(1, 1, 4), REACH), 1);
                activity.put(value, seen);
            }
        });
        return activity;
    }

    private static EqualizeCrossLayer.Result smooth(Model model, double alpha, Set<String> frozen) {
        return EqualizeCrossLayer.apply(model, new Rule.Activations(alpha), Scope.ALL, activity(model), frozen);
    }

    private static float[] values(Model model, String name) {
        return model.graph().initializer(name).orElseThrow().tensor().toFloats();
    }

    /// Formula 4 of the paper, the maximum of the weights being over all that read the channel.
    private static double factor(int channel, double alpha) {
        if (REACH[channel] == 0) {
            return 1;
        }
        double largest = 0;
        for (int o = 0; o < 2; o++) {
            largest = Math.max(largest, Math.abs(FIRST[2 * channel + o]));
            largest = Math.max(largest, Math.abs(SECOND[2 * channel + o]));
        }
        return Math.pow(REACH[channel], alpha) / Math.pow(largest, 1 - alpha);
    }

    @Test
    void movesRangesByThePapersFormulaIntoScaleBiasAndEveryReader() {
        for (double alpha : new double[] {0, 0.5, 0.75, 1}) {
            Model model = layerNorm();
            EqualizeCrossLayer.Result result = smooth(model, alpha, Set.of());
            assertEquals(1, result.changes().size(), result::toString);
            for (int c = 0; c < 4; c++) {
                double s = factor(c, alpha);
                // Floats hold seven digits.
                assertEquals((c + 1) / s, values(result.model(), "scale")[c], 1e-5 * (c + 1) / s);
                assertEquals((c - 1) / s, values(result.model(), "shift")[c], 1e-5 / s + 1e-6);
                for (int o = 0; o < 2; o++) {
                    assertEquals(FIRST[2 * c + o] * s, values(result.model(), "q.w")[2 * c + o], 1e-5 * 4 * s);
                    assertEquals(SECOND[2 * c + o] * s, values(result.model(), "k.w")[2 * c + o], 1e-5 * 4 * s);
                }
            }
            assertTrue(result.skipped().get("silent channels").contains("1 channels"), result.skipped()::toString);
        }
    }

    @Test
    void findsANormalizationThatIsWrittenAsProductAndSum() {
        Model model = model(
                List.of(
                        Node.of("m", "Mul", List.of("x", "scale"), List.of("m")),
                        Node.of("n", "Add", List.of("shift", "m"), List.of("n"))),
                vector("scale", 1, 2, 3, 4),
                vector("shift", -1, 0, 1, 2));
        Model whole = smooth(layerNorm(), 0.5, Set.of()).model();
        Model parts = smooth(model, 0.5, Set.of()).model();
        for (String name : List.of("scale", "shift", "q.w", "k.w")) {
            assertEquals(List.of(boxed(values(whole, name))), List.of(boxed(values(parts, name))));
        }
    }

    private static String boxed(float[] values) {
        return java.util.Arrays.toString(values);
    }

    @Test
    void leavesAloneWhatIsGivenAndWhatOthersRead() {
        EqualizeCrossLayer.Result given = smooth(layerNorm(), 0.5, Set.of("k.w"));
        assertEquals(List.of(), given.changes());
        assertTrue(given.skipped().get("n").contains("'k.w' is given"), given.skipped()::toString);
        Model residual = model(
                List.of(
                        Node.of("n", "LayerNormalization", List.of("x", "scale"), List.of("n")),
                        Node.of("soft", "Softmax", List.of("n"), List.of("soft"))),
                vector("scale", 1, 2, 3, 4));
        EqualizeCrossLayer.Result read = smooth(residual, 0.5, Set.of());
        assertSame(residual, read.model());
        assertTrue(read.skipped().get("n").contains("does not commute"), read.skipped()::toString);
    }

    @Test
    void theRuleOfWeightsLeavesNormalizationsToTheOtherRule() {
        Model model = layerNorm();
        assertEquals(
                List.of(),
                EqualizeCrossLayer.apply(model, Scope.ALL, activity(model)).changes());
    }

    @Test
    void refusesAShareBeyondOne() {
        assertThrows(IllegalArgumentException.class, () -> new Rule.Activations(1.1));
        assertThrows(IllegalArgumentException.class, () -> new Rule.Activations(Double.NaN));
    }
}
