package dev.nibble.graph.shape;

import dev.nibble.graph.Dim;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Arithmetic on dimensions of which some are only names, or not known at all.
final class Dims {
    static final Dim UNKNOWN = new Dim.Unknown();
    static final Dim ONE = new Dim.Known(1);

    private Dims() {}

    static Dim of(long size) {
        return new Dim.Known(size);
    }

    /// Dimensions of `rank`, none of them known.
    static List<Dim> unknown(int rank) {
        return Collections.nCopies(rank, UNKNOWN);
    }

    static List<Dim> list(long... sizes) {
        List<Dim> dims = new ArrayList<>();
        for (long size : sizes) {
            dims.add(of(size));
        }
        return dims;
    }

    static boolean is(Dim dim, long size) {
        return dim instanceof Dim.Known(long known) && known == size;
    }

    /// The size, or −1 where it is not known.
    static long size(Dim dim) {
        return dim instanceof Dim.Known(long known) ? known : -1;
    }

    static Dim plus(Dim a, Dim b) {
        if (is(a, 0)) {
            return b;
        }
        if (is(b, 0)) {
            return a;
        }
        return a instanceof Dim.Known(long x) && b instanceof Dim.Known(long y) ? of(Math.addExact(x, y)) : UNKNOWN;
    }

    static Dim times(Dim a, Dim b) {
        if (is(a, 1)) {
            return b;
        }
        if (is(b, 1)) {
            return a;
        }
        return a instanceof Dim.Known(long x) && b instanceof Dim.Known(long y)
                ? of(Math.multiplyExact(x, y))
                : UNKNOWN;
    }

    static Dim product(List<Dim> dims) {
        Dim product = ONE;
        for (Dim dim : dims) {
            product = times(product, dim);
        }
        return product;
    }

    /// What is known when both are true of one dimension; a size beats a name, a name beats nothing.
    static Dim merge(Dim a, Dim b) {
        if (a instanceof Dim.Known) {
            return a;
        }
        return b instanceof Dim.Known || a instanceof Dim.Unknown ? b : a;
    }

    /// What holds when the dimension may be either.
    static Dim either(Dim a, Dim b) {
        return a.equals(b) ? a : UNKNOWN;
    }

    /// ONNX's multidirectional broadcasting
    /// ([Broadcasting](https://github.com/onnx/onnx/blob/main/docs/Broadcasting.md)); null where a rank is
    /// unknown.
    static @Nullable List<Dim> broadcast(@Nullable List<Dim> a, @Nullable List<Dim> b) {
        if (a == null || b == null) {
            return null;
        }
        int rank = Math.max(a.size(), b.size());
        List<Dim> all = new ArrayList<>();
        for (int i = 0; i < rank; i++) {
            Dim x = i < rank - a.size() ? ONE : a.get(i - rank + a.size());
            Dim y = i < rank - b.size() ? ONE : b.get(i - rank + b.size());
            all.add(broadcast(x, y));
        }
        return all;
    }

    private static Dim broadcast(Dim x, Dim y) {
        if (is(x, 1) || x.equals(y)) {
            return y;
        }
        if (is(y, 1)) {
            return x;
        }
        // A size other than 1 wins over what is not known: whatever fits it gives it.
        if (x instanceof Dim.Known) {
            return x;
        }
        return y instanceof Dim.Known ? y : UNKNOWN;
    }

    /// `axis` counted from the front; an axis outside the rank is a damaged model.
    static int axis(long axis, int rank) {
        long at = axis < 0 ? axis + rank : axis;
        if (at < 0 || at >= Math.max(rank, 1)) {
            throw new UnfitShape("axis " + axis + " is not one of a tensor of rank " + rank);
        }
        return (int) at;
    }

    /// The shapes that meet at a node do not fit each other; [OwnInference] says at which.
    static final class UnfitShape extends RuntimeException {
        UnfitShape(String message) {
            super(message);
        }
    }
}
