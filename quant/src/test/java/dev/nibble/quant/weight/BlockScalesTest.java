package dev.nibble.quant.weight;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.IntegerGrid;
import dev.nibble.quant.LinearQuantization;
import dev.nibble.quant.TensorEncoding;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BlockScalesTest {
    private static final int DEPTH = 64;
    private static final int OUTPUTS = 16;
    private static final int BLOCK = 16;
    private static final int ROWS = 512;

    /// A MatMul without a bias whose inputs have means: the mean error stays in the output, so that it counts.
    @Test
    void blocksOfALayerWithoutBiasAreFittedToInputsWithMeans() {
        Random random = new Random(3);
        LinearLayer layer = new LinearLayer(
                Node.of("m", "MatMul", List.of("x", "w"), List.of("y")),
                "w",
                null,
                OUTPUTS,
                1,
                DEPTH,
                true,
                null,
                null);
        float[] stored = new float[DEPTH * OUTPUTS];
        for (int i = 0; i < stored.length; i++) {
            stored[i] = (float) (random.nextGaussian() * (1 + i / OUTPUTS / BLOCK));
        }
        Tensor weight = Tensor.of(Shape.of(DEPTH, OUTPUTS), stored);
        float[] x = new float[ROWS * DEPTH];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) (i % 3 + 0.3 * random.nextGaussian());
        }
        Tensor inputs = Tensor.of(Shape.of(ROWS, DEPTH), x);
        float[] scales = new float[DEPTH / BLOCK * OUTPUTS];
        for (int i = 0; i < stored.length; i++) {
            int group = i / OUTPUTS / BLOCK * OUTPUTS + i % OUTPUTS;
            scales[group] = Math.max(scales[group], Math.abs(stored[i]) / 7);
        }
        TensorEncoding.Affine start = new TensorEncoding.Affine(
                new IntegerGrid(4, true, true), new Granularity.PerBlock(0, BLOCK), scales, new int[scales.length]);
        float[] none = new float[OUTPUTS];
        try (MatrixProducts products = new MatrixProducts(new LoopExecutor(), 1)) {
            LayerStatistics statistics = new LayerStatistics(layer, layer.matrix(weight), none, products);
            statistics.add(inputs, inputs, ROWS, ROWS, 1);
            DecideWeights.Decision decision = DecideWeights.decide(
                    layer,
                    weight.shape(),
                    layer.matrix(weight),
                    none,
                    start,
                    new double[OUTPUTS],
                    statistics,
                    WeightSteps.ALL,
                    products);
            LinearQuantization linear = new LinearQuantization();
            float[] nearest =
                    linear.dequantize(linear.quantize("w", weight, start)).toFloats();
            float[] decided = linear.dequantize(decision.codes()).toFloats();
            double[] before = meanErrors(stored, nearest, x);
            double[] after = meanErrors(stored, decided, x);
            // Second-order rounding halves the error of nearest rounding even without correlations; here most of the
            // error is in the mean, which it can take out nearly whole.
            double ratio = Arrays.stream(after).sum() / Arrays.stream(before).sum();
            assertTrue(ratio < 0.1, "squared error is " + ratio + " of rounding to nearest");
        }
    }

    /// Mean squared error of each output.
    private static double[] meanErrors(float[] exact, float[] rounded, float[] x) {
        double[] errors = new double[OUTPUTS];
        for (int i = 0; i < ROWS; i++) {
            for (int o = 0; o < OUTPUTS; o++) {
                double error = 0;
                for (int k = 0; k < DEPTH; k++) {
                    error += (rounded[k * OUTPUTS + o] - exact[k * OUTPUTS + o]) * x[i * DEPTH + k];
                }
                errors[o] += error * error / ROWS;
            }
        }
        return errors;
    }
}
