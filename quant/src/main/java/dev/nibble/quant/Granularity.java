package dev.nibble.quant;

import dev.nibble.graph.Shape;

/// How many elements of a tensor share one scale. `axis` is always the axis that is kept; it may count from the
/// end.
public sealed interface Granularity {
    /// One scale for the whole tensor.
    record PerTensor() implements Granularity {}

    /// One scale for each index of `axis`: a Conv weight `64×3×7×7` on axis 0 has 64 scales.
    record PerChannel(int axis) implements Granularity {}

    /// One scale for each run of `size` elements along `axis`, everything else kept, as ONNX QuantizeLinear defines
    /// `block_size`: a MatMul weight `256×512` on axis 0 with size 32 has `8×512` scales. The last block may be
    /// shorter.
    record PerBlock(int axis, int size) implements Granularity {
        public PerBlock {
            if (size < 1) {
                throw new IllegalArgumentException("block size must be at least 1, but was " + size);
            }
        }
    }

    Granularity PER_TENSOR = new PerTensor();

    /// This granularity laid over a tensor of shape `shape`.
    ///
    /// @throws IllegalArgumentException where the axis is not one of `shape`
    default Groups over(Shape shape) {
        return switch (this) {
            case PerTensor() -> new Groups(1, 1, shape.elements(), 1, false);
            case PerChannel(int axis) -> Groups.along(shape, axis, 1, false);
            case PerBlock(int axis, int size) -> Groups.along(shape, axis, size, true);
        };
    }

    /// The shape of the scales of a tensor of shape `shape`, as ONNX QuantizeLinear wants it.
    ///
    /// @throws IllegalArgumentException where the axis is not one of `shape`
    default Shape scaleShape(Shape shape) {
        Groups groups = over(shape);
        return switch (this) {
            case PerTensor() -> Shape.SCALAR;
            case PerChannel _ -> Shape.of(groups.size());
            case PerBlock(int axis, int size) -> shape.with(axis, Math.ceilDiv(shape.dim(axis), size));
        };
    }
}
