package dev.nibble.quant.encodings;

import dev.nibble.graph.Shape;
import java.util.Optional;
import java.util.OptionalInt;

/// What an encodings file says of one tensor. Offsets have AIMET's sign: `x̂ = scale · (q + offset)` with
/// `q ∈ [0, 2ᵇ − 1]`.
public sealed interface EncodingEntry {
    /// The tensor.
    String name();

    /// How many tensors elements share a scale; the axis may be left to the operator.
    enum Layout {
        PER_TENSOR,
        PER_CHANNEL,
        PER_BLOCK
    }

    /// Integer codes.
    ///
    /// @param scales one for each group, in the row-major order of the scale tensor
    /// @param offsets as many
    /// @param axis the channel axis, or the block axis of blocks; empty where the version leaves it to the
    ///     operator
    /// @param blockSize 0 without blocks
    /// @param nesting how the file nests the scales; a list of them where it does not
    record Affine(
            String name,
            int bits,
            boolean symmetric,
            Layout layout,
            double[] scales,
            long[] offsets,
            OptionalInt axis,
            int blockSize,
            Shape nesting)
            implements EncodingEntry {
        /// As a flat list of scales.
        Affine(
                String name,
                int bits,
                boolean symmetric,
                Layout layout,
                double[] scales,
                long[] offsets,
                OptionalInt axis,
                int blockSize) {
            this(name, bits, symmetric, layout, scales, offsets, axis, blockSize, Shape.of(scales.length));
        }
    }

    /// Blocks whose scales are whole multiples of their channel's scale (LPBQ).
    ///
    /// @param bits the width after decompression
    /// @param compressedBits the width of the codes
    /// @param channelScales one for each output channel
    /// @param blockScales one for each block of each channel, in the order of the weight's axes
    /// @param nesting how the file nests the scales of blocks
    record LowPowerBlocks(
            String name,
            int bits,
            int compressedBits,
            int blockSize,
            double[] channelScales,
            int[] blockScales,
            OptionalInt axis,
            Shape nesting)
            implements EncodingEntry {}

    /// Integer codes of a width, and no more said: the range is chosen from data.
    ///
    /// @param symmetric empty: as the target's rules say
    record Width(String name, int bits, Optional<Boolean> symmetric) implements EncodingEntry {}

    /// A tensor that stays in float.
    record FloatingPoint(String name, int bits) implements EncodingEntry {}
}
