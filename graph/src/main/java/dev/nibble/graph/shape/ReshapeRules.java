package dev.nibble.graph.shape;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Shape;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Operators that give the same elements another shape.
final class ReshapeRules {
    private ReshapeRules() {}

    /// @return whether there is a rule for the operator
    static boolean apply(NodeShapes c) {
        switch (c.node.opType()) {
            case "Reshape" -> reshape(c);
            case "Flatten" -> {
                List<Dim> x = c.dims(0);
                if (x == null) {
                    c.set(0, c.type(0), Dims.unknown(2));
                } else {
                    long axis = c.node.intAttribute("axis", 1);
                    int at = axis == x.size() ? x.size() : Dims.axis(axis, x.size());
                    c.set(0, c.type(0), List.of(Dims.product(x.subList(0, at)), Dims.product(x.subList(at, x.size()))));
                }
            }
            case "Squeeze" -> squeeze(c);
            case "Unsqueeze" -> unsqueeze(c);
            default -> {
                return false;
            }
        }
        return true;
    }

    private static void reshape(NodeShapes c) {
        List<Dim> x = c.dims(0);
        IntValues told = c.has("shape") ? IntValues.vector(Dims.list(c.node.intsAttribute("shape"))) : c.value(1);
        if (told == null) {
            List<Dim> count = c.dims(1);
            long rank = count == null || count.isEmpty() ? -1 : Dims.size(count.get(0));
            c.set(0, c.type(0), rank < 0 || rank > 64 ? null : Dims.unknown((int) rank));
            return;
        }
        boolean allowZero = c.node.intAttribute("allowzero", 0) == 1;
        List<Dim> dims = new ArrayList<>();
        int open = -1;
        for (int i = 0; i < told.size(); i++) {
            Dim dim = told.get(i);
            if (Dims.is(dim, 0) && !allowZero) {
                if (x != null && i >= x.size()) {
                    throw new Dims.UnfitShape("there is no axis %d to copy".formatted(i));
                }
                dim = x == null ? Dims.UNKNOWN : x.get(i);
            } else if (Dims.is(dim, -1)) {
                open = i;
                dim = Dims.UNKNOWN;
            }
            dims.add(dim);
        }
        if (open >= 0 && x != null) {
            dims.set(open, rest(x, dims, open));
        } else if (x != null
                && dims.stream().filter(d -> !(d instanceof Dim.Known)).count() == 1) {
            // One size that is not known follows from all the others, too.
            for (int i = 0; i < dims.size(); i++) {
                if (dims.get(i) instanceof Dim.Unknown) {
                    dims.set(i, rest(x, dims, i));
                }
            }
        }
        c.set(0, c.type(0), dims);
        Shape full = known(dims);
        IntValues value = c.value(0);
        if (value != null && full != null && full.elements() == value.size()) {
            c.setValue(0, value.reshaped(full));
        }
    }

    private static @Nullable Shape known(List<Dim> dims) {
        long[] sizes = new long[dims.size()];
        for (int i = 0; i < sizes.length; i++) {
            sizes[i] = Dims.size(dims.get(i));
            if (sizes[i] < 0) {
                return null;
            }
        }
        return ShapeRules.fitting(sizes);
    }

    /// What is left of `x` for axis `open` after the other axes of `dims`; names that stand on both sides cancel.
    private static Dim rest(List<Dim> x, List<Dim> dims, int open) {
        List<Dim> above = new ArrayList<>(x);
        List<Dim> below = new ArrayList<>(dims);
        below.remove(open);
        for (Dim dim : List.copyOf(below)) {
            if (dim instanceof Dim.Symbol && above.remove(dim)) {
                below.remove(dim);
            }
        }
        Dim whole = Dims.product(above);
        Dim part = Dims.product(below);
        if (Dims.is(part, 1)) {
            return whole;
        }
        if (!(whole instanceof Dim.Known(long elements)) || !(part instanceof Dim.Known(long others)) || others == 0) {
            return Dims.UNKNOWN;
        }
        if (elements % others != 0) {
            throw new Dims.UnfitShape("%d elements do not divide by %d".formatted(elements, others));
        }
        return Dims.of(elements / others);
    }

    private static void squeeze(NodeShapes c) {
        List<Dim> x = c.dims(0);
        long[] axes = c.attributeOrInput("axes", 1);
        if (x == null || axes == null && c.node.hasInput(1)) {
            c.set(0, c.type(0), null);
            return;
        }
        List<Dim> dims = new ArrayList<>();
        boolean open = false;
        for (int i = 0; i < x.size(); i++) {
            boolean gone = axes == null && Dims.is(x.get(i), 1);
            open |= axes == null && !(x.get(i) instanceof Dim.Known);
            for (int a = 0; axes != null && a < axes.length; a++) {
                gone |= Dims.axis(axes[a], x.size()) == i;
            }
            if (!gone) {
                dims.add(x.get(i));
            }
        }
        c.set(0, c.type(0), open ? null : dims);
        reshapeValue(c, dims);
    }

    private static void reshapeValue(NodeShapes c, List<Dim> dims) {
        IntValues value = c.value(0);
        Shape full = value == null ? null : known(dims);
        if (value != null && full != null && full.elements() == value.size()) {
            c.setValue(0, value.reshaped(full));
        }
    }

    private static void unsqueeze(NodeShapes c) {
        List<Dim> x = c.dims(0);
        long[] axes = c.attributeOrInput("axes", 1);
        if (x == null || axes == null) {
            c.set(0, c.type(0), null);
            return;
        }
        int rank = x.size() + axes.length;
        boolean[] fresh = new boolean[rank];
        for (long axis : axes) {
            fresh[Dims.axis(axis, rank)] = true;
        }
        List<Dim> dims = new ArrayList<>();
        int at = 0;
        for (int i = 0; i < rank; i++) {
            dims.add(fresh[i] ? Dims.ONE : x.get(at++));
        }
        c.set(0, c.type(0), dims);
        reshapeValue(c, dims);
    }
}
