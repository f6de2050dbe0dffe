package dev.nibble.graph;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/// The dimensions of a tensor that exists: each is known and at least 0. An empty list is a scalar.
public final class Shape {
    /// The shape of a scalar.
    public static final Shape SCALAR = new Shape(new long[0]);

    private final long[] dims;

    private Shape(long[] dims) {
        this.dims = dims;
    }

    /// @throws IllegalArgumentException where a dimension is negative or the number of elements does not fit a
    ///     `long`
    public static Shape of(long... dims) {
        long elements = 1;
        for (long dim : dims) {
            if (dim < 0) {
                throw new IllegalArgumentException("dimensions must be at least 0, but were " + Arrays.toString(dims));
            }
            if (dim != 0 && elements > Long.MAX_VALUE / 16 / dim) {
                throw new IllegalArgumentException("too many elements: " + Arrays.toString(dims));
            }
            elements *= dim;
        }
        return new Shape(dims.clone());
    }

    /// As [#of(long...)].
    public static Shape of(List<Long> dims) {
        return of(dims.stream().mapToLong(Long::longValue).toArray());
    }

    public int rank() {
        return dims.length;
    }

    /// The size of `axis`, which may count from the end (−1 is the last).
    public long dim(int axis) {
        return dims[axis < 0 ? axis + dims.length : axis];
    }

    /// A copy of the dimensions.
    public long[] dims() {
        return dims.clone();
    }

    /// The number of elements; 1 for a scalar.
    public long elements() {
        long elements = 1;
        for (long dim : dims) {
            elements *= dim;
        }
        return elements;
    }

    /// The product of the dimensions in `[from, to)`.
    public long product(int from, int to) {
        long product = 1;
        for (int i = from; i < to; i++) {
            product *= dims[i];
        }
        return product;
    }

    /// This shape with the size of `axis` replaced.
    public Shape with(int axis, long size) {
        long[] changed = dims.clone();
        changed[axis < 0 ? axis + dims.length : axis] = size;
        return of(changed);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape that && Arrays.equals(dims, that.dims);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(dims);
    }

    /// `1×3×224×224`, or `scalar`.
    @Override
    public String toString() {
        return dims.length == 0
                ? "scalar"
                : Arrays.stream(dims).mapToObj(Long::toString).collect(Collectors.joining("×"));
    }
}
