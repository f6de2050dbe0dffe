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
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class AnalyticMeansTest {
    /// Against a million draws; their standard error is a thousandth of the deviation, four of them are allowed.
    @Test
    void momentsOfAClippedNormalAreThoseOfDraws() {
        double[][] cases = {
            {0.3, 1.2, 0, Double.POSITIVE_INFINITY},
            {-2, 0.7, 0, Double.POSITIVE_INFINITY},
            {5, 2, 0, 6},
            {-1, 3, 0, 6},
            {0.5, 1, -1, 1},
            {1, 2, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY}
        };
        for (double[] one : cases) {
            Random random = new Random(1);
            double sum = 0;
            double squares = 0;
            int draws = 1_000_000;
            for (int i = 0; i < draws; i++) {
                double x = Math.min(Math.max(one[0] + one[1] * random.nextGaussian(), one[2]), one[3]);
                sum += x;
                squares += x * x;
            }
            double mean = sum / draws;
            ClippedNormal clipped = new ClippedNormal(one[0], one[1] * one[1]).clipped(one[2], one[3]);
            assertEquals(mean, clipped.mean(), 4e-3 * one[1]);
            assertEquals(squares / draws - mean * mean, clipped.variance(), 1e-2 * one[1] * one[1]);
        }
    }

    @Test
    void aChannelWithoutSpreadIsItsClippedMean() {
        assertEquals(new ClippedNormal(0, 0), new ClippedNormal(-3, 0).clipped(0, 6));
        assertEquals(new ClippedNormal(6, 0), new ClippedNormal(9, 0).clipped(0, 6));
    }

    private static Initializer constant(String name, float... values) {
        return Initializer.of(name, Tensor.of(Shape.of(values.length), values));
    }

    private static Model model() {
        return Model.of(
                8,
                13,
                Graph.of(
                        "norms",
                        List.of(
                                Node.of(
                                        "norm",
                                        "BatchNormalization",
                                        List.of("x", "gamma", "beta", "mean", "variance"),
                                        List.of("n")),
                                Node.of("relu", "Relu", List.of("n"), List.of("r")),
                                Node.of("sum", "Add", List.of("n", "r"), List.of("s")),
                                Node.of("pool", "GlobalAveragePool", List.of("r"), List.of("p")),
                                Node.of("flat", "Flatten", List.of("p"), List.of("f"), Attribute.of("axis", 1)),
                                Node.of("sigmoid", "Sigmoid", List.of("n"), List.of("g"))),
                        List.of(
                                constant("gamma", -1, 2),
                                constant("beta", 1, -1),
                                constant("mean", 0, 0),
                                constant("variance", 1, 1)),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 2, 3, 1))),
                        List.of(
                                ValueInfo.of("r", DataType.FLOAT, Shape.of(1, 2, 3, 1)),
                                ValueInfo.of("s", DataType.FLOAT, Shape.of(1, 2, 3, 1)),
                                ValueInfo.of("f", DataType.FLOAT, Shape.of(1, 2)),
                                ValueInfo.of("g", DataType.FLOAT, Shape.of(1, 2, 3, 1)))));
    }

    @Test
    void followsBatchNormsThroughTheGraphAndSaysWhereItCannot() {
        Model model = model();
        Map<String, BatchNormStatistics> statistics = BatchNormStatistics.of(model, Map.of());
        assertArrayEquals(new double[] {1, 2}, statistics.get("n").deviations());
        AnalyticMeans.Result means = AnalyticMeans.of(model.graph(), Set.of("x", "r", "s", "f", "g"), statistics);
        // E max(0, x) for N(1, 1) and N(−1, 2²), by μ Φ(μ/σ) + σ φ(μ/σ).
        float[] expected = {1.0833154f, 0.3955931f};
        assertEquals(Shape.of(1, 2, 3, 1), means.known().get("r").shape());
        float[] rectified = means.known().get("r").toFloats();
        float[] sum = means.known().get("s").toFloats();
        for (int i = 0; i < 6; i++) {
            assertEquals(expected[i / 3], rectified[i], 1e-5);
            assertEquals((i < 3 ? 1 : -1) + expected[i / 3], sum[i], 1e-5);
        }
        assertArrayEquals(expected, means.known().get("f").toFloats(), 1e-5f);
        assertEquals(Set.of("x", "g"), means.unknown().keySet());
        assertTrue(means.unknown().get("g").contains("Sigmoid"), means.unknown()::toString);
    }

    @Test
    void statisticsFollowAValueToItsNewName() {
        assertEquals(
                Set.of("other"),
                BatchNormStatistics.of(model(), Map.of("n", "other")).keySet());
    }
}
