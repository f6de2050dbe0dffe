package dev.nibble.quant;

import dev.nibble.graph.Shape;

/// A [Granularity] laid over one shape: which elements share a scale.
///
/// The tensor is seen as `outer × length × inner`, row-major, with `length` the kept axis. Groups are numbered in the
/// row-major order of the scales.
///
/// @param outer product of the dimensions before the axis
/// @param length size of the axis
/// @param inner product of the dimensions after the axis
/// @param block elements along the axis that share a scale
/// @param blocked whether `outer` and `inner` positions have scales of their own
public record Groups(long outer, long length, long inner, long block, boolean blocked) {
    static Groups along(Shape shape, int axis, int block, boolean blocked) {
        int rank = shape.rank();
        int kept = axis < 0 ? axis + rank : axis;
        if (kept < 0 || kept >= rank) {
            throw new IllegalArgumentException("axis %d is not one of a tensor of shape %s".formatted(axis, shape));
        }
        return new Groups(shape.product(0, kept), shape.dim(kept), shape.product(kept + 1, rank), block, blocked);
    }

    /// How many groups (scales) there are.
    public int size() {
        long blocks = Math.ceilDiv(length, block);
        return Math.toIntExact(blocked ? outer * blocks * inner : blocks);
    }

    /// How many elements there are.
    public long elements() {
        return outer * length * inner;
    }

    /// The group of element `index` (row-major).
    public int of(long index) {
        long position = index / inner % length / block;
        if (!blocked) {
            return (int) position;
        }
        return (int) ((index / (inner * length) * Math.ceilDiv(length, block) + position) * inner + index % inner);
    }

    /// Calls `action` for every longest run of neighbouring elements that share a group, in order.
    public void forEachRun(Run action) {
        boolean contiguous = inner == 1 || !blocked;
        long run = contiguous ? (inner == 1 ? block : inner * block) : 1;
        long row = length * inner;
        if (row == 0) {
            return;
        }
        for (long start = 0; start < elements(); start += row) {
            for (long from = 0; from < row; from += run) {
                long to = Math.min(from + run, row);
                action.accept(of(start + from), start + from, start + to);
            }
        }
    }

    /// What [#forEachRun] calls.
    @FunctionalInterface
    public interface Run {
        /// @param group the group
        /// @param from first element
        /// @param to one past the last element
        void accept(int group, long from, long to);
    }
}
