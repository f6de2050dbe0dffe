package dev.nibble.quant.weight;

import dev.nibble.graph.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.stream.IntStream;

/// What a layer's weights have to be chosen by, gathered in one pass over samples: with `x` what the layer reads in the
/// float model and `x̂` what it reads behind its quantized predecessors,
///
/// - `H = cov(x̂)`, centred, `depth × depth` for each group,
/// - `C = cov(y, x̂)`, `y = W x + b` being what the float model makes there,
/// - the means of `x̂` and of `y`, from which the moments around 0 follow.
///
/// Sums are kept in double precision around an offset near the mean. Memory does not grow with the samples.
public final class LayerStatistics {
    /// Rows multiplied at once at most; sums of so many float products keep five digits.
    private static final int MOST_ROWS = 2048;

    /// Numbers that a buffer of rows may hold.
    private static final int BUFFERED = 4 << 20;

    /// Up to this depth a group is summed by loops.
    private static final int SMALL_DEPTH = 32;

    private final LinearLayer layer;
    private final int capacity;
    private final float[] weights;
    private final float[] bias;
    private final MatrixProducts products;
    private final float[] quantized;
    private final float[] exact;
    private final double[][] h;
    private final double[][] c;
    private final double[][] sumX;
    private final double[][] sumY;
    private float[] offsetQuantized = new float[0];
    private float[] offsetExact = new float[0];
    private int filled;
    private long count;

    /// @param weights the float weight as rows of the matrix
    /// @param bias a value for each row
    public LayerStatistics(LinearLayer layer, float[] weights, float[] bias, MatrixProducts products) {
        this.layer = layer;
        this.weights = weights.clone();
        this.bias = bias.clone();
        this.products = products;
        int groups = layer.groups();
        int depth = layer.depth();
        capacity = Math.clamp(BUFFERED / ((long) groups * depth), 64, MOST_ROWS);
        quantized = new float[groups * capacity * depth];
        exact = new float[groups * capacity * depth];
        h = new double[groups][depth * depth];
        c = new double[groups][layer.outputsPerGroup() * depth];
        sumX = new double[groups][depth];
        sumY = new double[groups][layer.outputsPerGroup()];
    }

    /// Adds what the layer reads at up to `wanted` positions of a batch.
    ///
    /// @param x the layer's input in the float model, FLOAT
    /// @param xQuantized the same behind quantized predecessors
    /// @param valid how many of the positions belong to samples that count, from the first on
    /// @param seed decides which positions are looked at where there are more
    public void add(Tensor x, Tensor xQuantized, int valid, int wanted, long seed) {
        int[] positions = Patches.choose(valid, wanted, seed);
        for (int from = 0; from < positions.length; ) {
            int part = Math.min(positions.length - from, capacity - filled);
            int[] chosen = Arrays.copyOfRange(positions, from, from + part);
            Patches.gather(layer, xQuantized, chosen, quantized, filled, capacity);
            Patches.gather(layer, x, chosen, exact, filled, capacity);
            filled += part;
            from += part;
            if (filled == capacity) {
                flush();
            }
        }
    }

    /// At how many positions of an input of this shape the layer computes.
    public int positions(Tensor x) {
        return Patches.positions(layer, x.shape());
    }

    private void flush() {
        if (filled == 0) {
            return;
        }
        if (count == 0) {
            offsetQuantized = means(quantized);
            offsetExact = means(exact);
        }
        centre(quantized, offsetQuantized);
        centre(exact, offsetExact);
        if (layer.depth() <= SMALL_DEPTH) {
            IntStream.range(0, layer.groups()).parallel().forEach(this::sumByLoops);
        } else {
            for (int group = 0; group < layer.groups(); group++) {
                sumByProducts(group);
            }
        }
        count += filled;
        filled = 0;
    }

    private float[] means(float[] rows) {
        int depth = layer.depth();
        float[] means = new float[layer.groups() * depth];
        for (int g = 0; g < layer.groups(); g++) {
            for (int k = 0; k < depth; k++) {
                double sum = 0;
                for (int i = 0; i < filled; i++) {
                    sum += rows[(g * capacity + i) * depth + k];
                }
                means[g * depth + k] = (float) (sum / filled);
            }
        }
        return means;
    }

    private void centre(float[] rows, float[] offset) {
        int depth = layer.depth();
        for (int g = 0; g < layer.groups(); g++) {
            for (int i = 0; i < filled; i++) {
                int at = (g * capacity + i) * depth;
                for (int k = 0; k < depth; k++) {
                    rows[at + k] -= offset[g * depth + k];
                }
            }
        }
    }

    private void sumByLoops(int group) {
        int depth = layer.depth();
        int outputs = layer.outputsPerGroup();
        double[] y = new double[outputs];
        for (int i = 0; i < filled; i++) {
            int at = (group * capacity + i) * depth;
            for (int o = 0; o < outputs; o++) {
                double sum = 0;
                int row = (group * outputs + o) * depth;
                for (int k = 0; k < depth; k++) {
                    sum += weights[row + k] * exact[at + k];
                }
                y[o] = sum;
                sumY[group][o] += sum;
            }
            for (int k = 0; k < depth; k++) {
                double value = quantized[at + k];
                sumX[group][k] += value;
                double[] into = h[group];
                for (int j = 0; j < depth; j++) {
                    into[k * depth + j] += value * quantized[at + j];
                }
                for (int o = 0; o < outputs; o++) {
                    c[group][o * depth + k] += y[o] * value;
                }
            }
        }
    }

    private void sumByProducts(int group) {
        int depth = layer.depth();
        int outputs = layer.outputsPerGroup();
        float[] transposed = new float[depth * outputs];
        for (int o = 0; o < outputs; o++) {
            for (int k = 0; k < depth; k++) {
                transposed[k * outputs + o] = weights[(group * outputs + o) * depth + k];
            }
        }
        try (Arena arena = Arena.ofConfined()) {
            int from = group * capacity * depth;
            Tensor a = MatrixProducts.matrix(
                    arena, Arrays.copyOfRange(quantized, from, from + filled * depth), filled, depth);
            Tensor b =
                    MatrixProducts.matrix(arena, Arrays.copyOfRange(exact, from, from + filled * depth), filled, depth);
            MatrixProducts.Gram gram = products.gram(a, b, MatrixProducts.matrix(arena, transposed, depth, outputs));
            for (int i = 0; i < gram.h().length; i++) {
                h[group][i] += gram.h()[i];
            }
            for (int k = 0; k < depth; k++) {
                for (int o = 0; o < outputs; o++) {
                    c[group][o * depth + k] += gram.c()[k * outputs + o];
                }
            }
            for (int o = 0; o < outputs; o++) {
                sumY[group][o] += gram.sum()[o];
            }
            for (int i = 0; i < filled; i++) {
                for (int k = 0; k < depth; k++) {
                    sumX[group][k] += quantized[from + i * depth + k];
                }
            }
        }
    }

    /// The statistics of one group.
    ///
    /// @param h `depth × depth`
    /// @param c `outputs × depth`
    /// @param meanX `depth`
    /// @param meanY `outputs`
    @SuppressWarnings("ArrayRecordComponent")
    public record Moments(double[] h, double[] c, double[] meanX, double[] meanY) {
        /// The same around 0 instead of the means, for a layer whose bias stays as it is: what the weights' error puts
        /// into the mean then stays in the output, and counts.
        ///
        /// @param bias of each of the group's outputs, which the weights do not have to make
        Moments aroundZero(float[] bias) {
            int depth = meanX.length;
            double[] second = h.clone();
            double[] cross = c.clone();
            for (int i = 0; i < depth; i++) {
                for (int j = 0; j < depth; j++) {
                    second[i * depth + j] += meanX[i] * meanX[j];
                }
            }
            for (int o = 0; o < meanY.length; o++) {
                for (int k = 0; k < depth; k++) {
                    cross[o * depth + k] += (meanY[o] - bias[o]) * meanX[k];
                }
            }
            return new Moments(second, cross, meanX, meanY);
        }
    }

    /// How many positions were looked at.
    public long count() {
        return count + filled;
    }

    /// The statistics of group `group` over everything that was added.
    ///
    /// @throws IllegalStateException where nothing was added
    public Moments moments(int group) {
        flush();
        if (count == 0) {
            throw new IllegalStateException("no sample was added");
        }
        int depth = layer.depth();
        int outputs = layer.outputsPerGroup();
        double[] meanX = new double[depth];
        double[] meanY = new double[outputs];
        double[] covariance = new double[depth * depth];
        double[] cross = new double[outputs * depth];
        for (int k = 0; k < depth; k++) {
            meanX[k] = sumX[group][k] / count;
        }
        for (int o = 0; o < outputs; o++) {
            meanY[o] = sumY[group][o] / count;
        }
        for (int i = 0; i < depth; i++) {
            for (int j = 0; j < depth; j++) {
                covariance[i * depth + j] = h[group][i * depth + j] / count - meanX[i] * meanX[j];
            }
        }
        for (int o = 0; o < outputs; o++) {
            for (int k = 0; k < depth; k++) {
                cross[o * depth + k] = c[group][o * depth + k] / count - meanY[o] * meanX[k];
            }
        }
        for (int k = 0; k < depth; k++) {
            meanX[k] += offsetQuantized[group * depth + k];
        }
        for (int o = 0; o < outputs; o++) {
            int row = group * outputs + o;
            double atOffset = bias[row];
            for (int k = 0; k < depth; k++) {
                atOffset += (double) weights[row * depth + k] * offsetExact[group * depth + k];
            }
            meanY[o] += atOffset;
        }
        return new Moments(covariance, cross, meanX, meanY);
    }
}
