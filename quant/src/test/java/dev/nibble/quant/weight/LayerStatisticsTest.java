package dev.nibble.quant.weight;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LayerStatisticsTest {
    /// A convolution over a 2 × 4 × 5 × 6 input with stride 2 down, dilation 2 across and uneven padding.
    private static LinearLayer convolution(int groups, int outputs) {
        Node node = Node.of("conv", "Conv", List.of("x", "w", "b"), List.of("y"), Attribute.of("group", groups));
        return new LinearLayer(
                node,
                "w",
                "b",
                outputs,
                groups,
                4 / groups * 6,
                false,
                new LinearLayer.Window(3, 2, 1, 1, 0),
                new LinearLayer.Window(2, 1, 2, 0, 1));
    }

    private static Tensor random(Random random, double mean) {
        float[] values = new float[2 * 4 * 5 * 6];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (mean + random.nextGaussian());
        }
        return Tensor.of(Shape.of(2, 4, 5, 6), values);
    }

    /// What the layer reads at every position, by the definition of convolution.
    private static List<double[]> patches(LinearLayer layer, Tensor x, int group) {
        List<double[]> patches = new ArrayList<>();
        int perGroup = 4 / layer.groups();
        for (int n = 0; n < 2; n++) {
            for (int i = 0; i < 2; i++) {
                for (int j = 0; j < 5; j++) {
                    double[] patch = new double[layer.depth()];
                    int k = 0;
                    for (int c = group * perGroup; c < (group + 1) * perGroup; c++) {
                        for (int a = 0; a < 3; a++) {
                            for (int b = 0; b < 2; b++) {
                                int row = 2 * i + a - 1;
                                int column = j + 2 * b;
                                boolean inside = row >= 0 && row < 5 && column < 6;
                                patch[k++] = inside ? x.floatAt(((n * 4L + c) * 5 + row) * 6 + column) : 0;
                            }
                        }
                    }
                    patches.add(patch);
                }
            }
        }
        return patches;
    }

    @Test
    void isTheCovarianceByDefinitionForPlainGroupedAndDepthwiseConvolutions() {
        Random random = new Random(1);
        for (int groups : new int[] {1, 2, 4}) {
            LinearLayer layer = convolution(groups, 8);
            int depth = layer.depth();
            int rows = layer.outputsPerGroup();
            float[] weights = new float[8 * depth];
            float[] bias = new float[8];
            for (int i = 0; i < weights.length; i++) {
                weights[i] = (float) random.nextGaussian();
                bias[i % 8] = i;
            }
            Tensor x = random(random, 3);
            Tensor rounded = random(random, -20);
            try (MatrixProducts products = new MatrixProducts(new LoopExecutor(), 1)) {
                LayerStatistics statistics = new LayerStatistics(layer, weights, bias, products);
                assertEquals(20, statistics.positions(x));
                statistics.add(x, rounded, 20, 1000, 0);
                for (int g = 0; g < groups; g++) {
                    LayerStatistics.Moments moments = statistics.moments(g);
                    List<double[]> exact = patches(layer, x, g);
                    List<double[]> quantized = patches(layer, rounded, g);
                    double[] meanX = new double[depth];
                    double[] meanY = new double[rows];
                    double[] h = new double[depth * depth];
                    double[] c = new double[rows * depth];
                    for (int p = 0; p < 20; p++) {
                        double[] y = new double[rows];
                        for (int o = 0; o < rows; o++) {
                            y[o] = bias[g * rows + o];
                            for (int k = 0; k < depth; k++) {
                                y[o] += weights[(g * rows + o) * depth + k] * exact.get(p)[k];
                            }
                            meanY[o] += y[o] / 20;
                        }
                        for (int k = 0; k < depth; k++) {
                            meanX[k] += quantized.get(p)[k] / 20;
                            for (int j = 0; j < depth; j++) {
                                h[k * depth + j] +=
                                        quantized.get(p)[k] * quantized.get(p)[j] / 20;
                            }
                            for (int o = 0; o < rows; o++) {
                                c[o * depth + k] += y[o] * quantized.get(p)[k] / 20;
                            }
                        }
                    }
                    for (int k = 0; k < depth; k++) {
                        for (int j = 0; j < depth; j++) {
                            h[k * depth + j] -= meanX[k] * meanX[j];
                        }
                        for (int o = 0; o < rows; o++) {
                            c[o * depth + k] -= meanY[o] * meanX[k];
                        }
                    }
                    // Float sums of 20 terms around an offset; values reach 400.
                    assertArrayEquals(h, moments.h(), 2e-3);
                    assertArrayEquals(c, moments.c(), 2e-3);
                    assertArrayEquals(meanX, moments.meanX(), 1e-4);
                    assertArrayEquals(meanY, moments.meanY(), 1e-3);
                }
            }
        }
    }

    @Test
    void positionsAreSpreadAndTheSameForOneSeed() {
        int[] chosen = Patches.choose(1000, 10, 42);
        assertArrayEquals(chosen, Patches.choose(1000, 10, 42));
        for (int i = 0; i < 10; i++) {
            assertEquals(i, chosen[i] / 100);
        }
        assertArrayEquals(new int[] {0, 1, 2}, Patches.choose(3, 10, 42));
        assertEquals(0, Arrays.stream(Patches.choose(0, 10, 1)).count());
    }
}
