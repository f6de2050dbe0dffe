package dev.nibble.quant.encodings;

import dev.nibble.graph.Shape;
import dev.nibble.quant.encodings.EncodingEntry.Affine;
import java.util.stream.LongStream;

/// Blocked scales of a convolution: ONNX has one for each position of the kernel, AIMET shares one among all of them.
final class SharedKernel {
    private SharedKernel() {}

    /// `entry` in AIMET's form, where the scales of each kernel are equal.
    static Affine collapsed(Affine entry) {
        Shape nesting = entry.nesting();
        if (nesting.rank() < 3) {
            return entry;
        }
        int kernel = Math.toIntExact(nesting.product(2, nesting.rank()));
        int groups = entry.scales().length / kernel;
        double[] scales = new double[groups];
        long[] offsets = new long[groups];
        for (int i = 0; i < entry.scales().length; i++) {
            int group = i / kernel;
            if (i % kernel == 0) {
                scales[group] = entry.scales()[i];
                offsets[group] = entry.offsets()[i];
            } else if (entry.scales()[i] != scales[group] || entry.offsets()[i] != offsets[group]) {
                return entry;
            }
        }
        long[] dims = LongStream.concat(
                        LongStream.of(nesting.dim(0), nesting.dim(1)),
                        LongStream.generate(() -> 1).limit(nesting.rank() - 2L))
                .toArray();
        return new Affine(
                entry.name(),
                entry.bits(),
                entry.symmetric(),
                entry.layout(),
                scales,
                offsets,
                entry.axis(),
                entry.blockSize(),
                Shape.of(dims));
    }
}
