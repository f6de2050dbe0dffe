package dev.nibble.npu.memory;

import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.work.Flow;
import dev.nibble.npu.work.Layer;
import dev.nibble.npu.work.Work;

/// The largest piece of a layer's output that can be computed within VTCM while the next is being fetched: rows first
/// become fewer, then channels (in multiples of 32), then columns.
///
/// @param height rows of the output tile; 1 for what is no picture
/// @param channels a multiple of 32, or all there are
/// @param tiles how many there are
/// @param tileBytes one tile's input, weights and output, twice each for double buffering
/// @param workingSetBytes the whole layer's input, weights and output
/// @param fits whether the smallest legal tile fits
public record Tile(
        long height, long width, long channels, long tiles, double tileBytes, double workingSetBytes, boolean fits) {
    private static final int CHANNELS = 32;

    /// @param vtcmBytes the budget
    /// @param compression what bandwidth compression leaves of activations; 1 without it
    public static Tile of(
            Flow flow, Layer layer, Work work, Precision precision, double vtcmBytes, double compression) {
        Flow.Value out = flow.value(layer.outputs().getFirst());
        Shape shape = out.shape() == null ? Shape.SCALAR : out.shape();
        boolean picture = shape.rank() >= 4;
        long height = picture ? shape.dim(out.channelAxis() == 1 ? -2 : -3) : 1;
        long columns = picture ? shape.dim(out.channelAxis() == 1 ? -1 : -2) : rows(shape, out);
        long channels = Math.ceilDiv(Math.max(1, out.channels()), CHANNELS) * CHANNELS;
        long h = Math.max(1, height);
        long w = Math.max(1, columns);
        long c = channels;
        double in = (work.adjacent() + work.skipped() + work.entering()) * precision.activationBytes() * compression;
        double weights = work.weights() * precision.weightBytes();
        double written = work.written() * precision.activationBytes() * compression;
        int halo = halo(layer);
        double bytes = bytes(h, w, c, height, columns, channels, in, weights, written, halo);
        while (bytes > vtcmBytes && (h > 1 || c > CHANNELS || w > 1)) {
            if (h > 1) {
                h = Math.ceilDiv(h, 2);
            } else if (c > CHANNELS) {
                c = Math.ceilDiv(c / 2, CHANNELS) * CHANNELS;
            } else {
                w = Math.ceilDiv(w, 2);
            }
            bytes = bytes(h, w, c, height, columns, channels, in, weights, written, halo);
        }
        long tiles = Math.ceilDiv(Math.max(1, height), h)
                * Math.ceilDiv(Math.max(1, columns), w)
                * Math.ceilDiv(channels, c);
        return new Tile(
                h, w, Math.min(c, Math.max(1, channels)), tiles, bytes, in + weights + written, bytes <= vtcmBytes);
    }

    private static long rows(Shape shape, Flow.Value out) {
        return Math.max(1, shape.elements() / Math.max(1, out.channels()));
    }

    private static double bytes(
            long h,
            long w,
            long c,
            long height,
            long width,
            long channels,
            double in,
            double weights,
            double written,
            int halo) {
        double rows = Math.min(1, (h + halo) / (double) Math.max(1, height));
        double columns = w / (double) Math.max(1, width);
        double part = c / (double) channels;
        double tile = in * rows * columns + weights * part + written * h / Math.max(1, height) * columns * part;
        boolean whole = h == height && w == width && c == channels;
        return whole ? tile : 2 * tile;
    }

    private static int halo(Layer layer) {
        for (Node node : layer.nodes()) {
            long[] kernel = node.intsAttribute("kernel_shape");
            if (kernel.length > 1) {
                return (int) Math.max(0, kernel[kernel.length - 2] - 1);
            }
        }
        return 0;
    }
}
