package dev.nibble.quant;

import dev.nibble.graph.Shape;

/// A [Granularity] laid over one shape: which elements share a scale.
///
/// The tensor is seen as `outer × length × inner`, row-major, with `length` the kept axis. Groups are numbered in
/// the row-major order of the scales.
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

    /// Calls `action` for runs of neighbouring elements that share a group, in order, covering every element once.
    public void forEachRun(Run action) {
        if (!blocked) {
            forEachChannel(action);
        } else if (inner == 1) {
            forEachRowBlock(action);
        } else {
            forEachBlockedElement(action);
        }
    }

    private void forEachChannel(Run action) {
        if (elements() == 0) {
            return;
        }
        long start = 0;
        for (long o = 0; o < outer; o++) {
            for (int channel = 0; channel < length; channel++, start += inner) {
                action.accept(channel, start, start + inner);
            }
        }
    }

    private void forEachRowBlock(Run action) {
        int group = 0;
        for (long o = 0; o < outer; o++) {
            long start = o * length;
            for (long from = 0; from < length; from += block) {
                action.accept(group++, start + from, start + Math.min(from + block, length));
            }
        }
    }

    private void forEachBlockedElement(Run action) {
        long blocks = Math.ceilDiv(length, block);
        long index = 0;
        for (long o = 0; o < outer; o++) {
            for (long k = 0; k < length; k++) {
                int group = (int) ((o * blocks + k / block) * inner);
                for (long i = 0; i < inner; i++, index++) {
                    action.accept(group++, index, index + 1);
                }
            }
        }
    }

    /// Calls `action` for spans of the elements `[from, to)`, in order, covering each once. The elements of a span share
    /// a group, or have groups of rising numbers: where scales lie along the last axis, a span is a row and not a single
    /// element.
    public void forEachSpan(long from, long to, Span action) {
        boolean rising = inner > 1 ? blocked : block == 1;
        long width = inner > 1 ? inner : rising ? length : block;
        long row = inner > 1 ? inner : length;
        long at = from;
        while (at < to) {
            // A span ends with its row, and where all of it has one group, with the block as well.
            long start = at / row * row + at % row / width * width;
            long end = Math.min(Math.min(to, start + width), at / row * row + row);
            action.accept(of(at), rising ? 1 : 0, at, end);
            at = end;
        }
    }

    /// What [#forEachSpan] calls.
    @FunctionalInterface
    public interface Span {
        /// @param group of the first element
        /// @param step what is added to it from one element to the next: 0 or 1
        /// @param from first element
        /// @param to one past the last element
        void accept(int group, int step, long from, long to);
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
