package dev.nibble.npu.work;

import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;

/// Multiplications, as the model states them and as the hardware has to make them.
///
/// @param padded on the matrix unit, with what rounding up to its tiles adds
/// @param depthwise products of convolutions of one channel each, which the vector units make, channels rounded up to 32
record MatrixWork(long macs, double padded, double depthwise) {
    private static final int CHANNELS = 32;
    /// Pictures are computed in bands of this many rows.
    private static final int ROWS = 8;

    /// A matrix of `rows` by `inner` times one of `inner` by `columns`.
    static MatrixWork product(long rows, long columns, long inner) {
        return new MatrixWork(rows * columns * inner, rows * up(columns, CHANNELS) * up(inner, CHANNELS), 0);
    }

    /// @param x the input, NCHW
    /// @param w the weights: output, input channels per group and kernel; transposed, input before output channels
    static MatrixWork convolution(Node node, Shape x, Shape w, Shape out, boolean transposed) {
        long groups = Math.max(1, node.intAttribute("group", 1));
        long taps = w.product(2, w.rank());
        long perOut = transposed ? w.dim(0) / groups : w.dim(1);
        long channels = transposed ? w.dim(1) * groups : w.dim(0);
        Shape over = transposed ? x : out;
        double positions = over.elements() / (double) Math.max(1, over.dim(1));
        long macs = (long) (positions * channels * perOut * taps);
        if (groups > 1 && perOut == 1) {
            return new MatrixWork(macs, 0, positions * up(channels, CHANNELS) * taps);
        }
        double height = over.rank() >= 4 ? over.dim(-2) : ROWS;
        double computed = positions * up(height, ROWS) / Math.max(1, height);
        if (groups == 1) {
            return new MatrixWork(macs, computed * up(channels, CHANNELS) * up(perOut * taps, CHANNELS), 0);
        }
        // Narrow groups lie side by side in one tile of 32 channels, off-diagonal blocks being zero.
        long together = Math.max(1, CHANNELS / Math.max(1, perOut));
        double padded = Math.ceil(groups / (double) together)
                * computed
                * up(channels / (double) groups * together, CHANNELS)
                * up(perOut * together, CHANNELS)
                * taps;
        return new MatrixWork(macs, padded, 0);
    }

    static double up(double value, int multiple) {
        return Math.ceil(value / multiple) * multiple;
    }
}
