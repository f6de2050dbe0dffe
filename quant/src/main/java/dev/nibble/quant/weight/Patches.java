package dev.nibble.quant.weight;

import static dev.nibble.graph.Tensor.FLOAT_LE;

import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.weight.LinearLayer.Window;
import java.util.SplittableRandom;

/// What a layer reads at chosen positions: the rows of convolution as a matrix product (im2col).
final class Patches {
    private Patches() {}

    /// At how many positions `layer` computes, for an input of shape `shape`.
    static int positions(LinearLayer layer, Shape shape) {
        Window rows = layer.rows();
        Window columns = layer.columns();
        if (rows == null || columns == null) {
            return Math.toIntExact(shape.elements() / layer.depth());
        }
        return Math.toIntExact(shape.dim(0) * rows.outputs(height(shape)) * columns.outputs((int) shape.dim(-1)));
    }

    private static int height(Shape shape) {
        return shape.rank() == 3 ? 1 : (int) shape.dim(2);
    }

    /// `wanted` of `count` positions in order, one drawn from each of as many equal stretches; all of them where there
    /// are no more.
    static int[] choose(int count, int wanted, long seed) {
        int[] chosen = new int[Math.min(count, wanted)];
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < chosen.length; i++) {
            long from = (long) i * count / chosen.length;
            long to = (long) (i + 1) * count / chosen.length;
            chosen[i] = (int) (from + (to - from == 1 ? 0 : random.nextLong(to - from)));
        }
        return chosen;
    }

    /// Writes what is read at `positions` into `out`: for group `g` and position `i`, the numbers from
    /// `(g · capacity + first + i) · depth` on.
    static void gather(LinearLayer layer, Tensor x, int[] positions, float[] out, int first, int capacity) {
        Window rows = layer.rows();
        Window columns = layer.columns();
        int depth = layer.depth();
        if (rows == null || columns == null) {
            for (int i = 0; i < positions.length; i++) {
                java.lang.foreign.MemorySegment.copy(
                        x.data(), FLOAT_LE, 4L * positions[i] * depth, out, (first + i) * depth, depth);
            }
            return;
        }
        Shape shape = x.shape();
        int channels = (int) shape.dim(1);
        int height = height(shape);
        int width = (int) shape.dim(-1);
        int outRows = rows.outputs(height);
        int outColumns = columns.outputs(width);
        int perGroup = channels / layer.groups();
        int taps = rows.kernel() * columns.kernel();
        float[] sample = new float[channels * height * width];
        int loaded = -1;
        for (int i = 0; i < positions.length; i++) {
            int image = positions[i] / (outRows * outColumns);
            int within = positions[i] % (outRows * outColumns);
            if (image != loaded) {
                java.lang.foreign.MemorySegment.copy(
                        x.data(), FLOAT_LE, 4L * image * sample.length, sample, 0, sample.length);
                loaded = image;
            }
            int top = within / outColumns * rows.stride() - rows.before();
            int left = within % outColumns * columns.stride() - columns.before();
            for (int c = 0; c < channels; c++) {
                int at = (c / perGroup * capacity + first + i) * depth + c % perGroup * taps;
                int plane = c * height * width;
                for (int ky = 0; ky < rows.kernel(); ky++) {
                    int y = top + ky * rows.dilation();
                    for (int kx = 0; kx < columns.kernel(); kx++) {
                        int xx = left + kx * columns.dilation();
                        boolean inside = y >= 0 && y < height && xx >= 0 && xx < width;
                        out[at++] = inside ? sample[plane + y * width + xx] : 0;
                    }
                }
            }
        }
    }
}
