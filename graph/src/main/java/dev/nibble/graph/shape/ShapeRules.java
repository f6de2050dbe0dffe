package dev.nibble.graph.shape;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Shape;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Operators about shapes: those that read one, those that follow one, and those that change nothing else.
final class ShapeRules {
    private ShapeRules() {}

    /// @return whether there is a rule for the operator
    static boolean apply(NodeShapes c) {
        switch (c.node.opType()) {
            case "Shape" -> shape(c);
            case "Size" -> {
                c.set(0, DataType.INT64, List.of());
                List<Dim> dims = c.dims(0);
                if (dims != null) {
                    c.setValue(0, IntValues.scalar(Dims.product(dims)));
                }
            }
            case "Constant" -> constant(c);
            case "ConstantOfShape" -> filled(c);
            case "RandomNormal", "RandomUniform" ->
                c.set(0, (int) c.node.intAttribute("dtype", 1), Dims.list(c.node.intsAttribute("shape")));
            case "EyeLike" -> c.set(0, c.has("dtype") ? (int) c.node.intAttribute("dtype", 0) : c.type(0), c.dims(0));
            case "Range" -> range(c);
            case "OneHot" -> oneHot(c);
            case "Expand" -> expand(c);
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

    private static void shape(NodeShapes c) {
        List<Dim> dims = c.dims(0);
        if (dims == null) {
            c.set(0, DataType.INT64, Dims.unknown(1));
            return;
        }
        int rank = dims.size();
        int start = bound(c.node.intAttribute("start", 0), rank);
        int end = bound(c.node.intAttribute("end", rank), rank);
        List<Dim> part = dims.subList(start, Math.max(start, end));
        c.set(0, DataType.INT64, Dims.list(part.size()));
        c.setValue(0, IntValues.vector(part));
    }

    private static int bound(long at, int rank) {
        return (int) Math.clamp(at < 0 ? at + rank : at, 0, rank);
    }

    private static void constant(NodeShapes c) {
        Initializer stored = c.scope().constant(c.node.output(0));
        if (stored != null) {
            c.set(0, stored.typeCode(), Dims.list(stored.shape().dims()));
            c.setValue(0, IntValues.of(stored));
        } else if (c.has("value_string")) {
            c.set(0, DataType.STRING, List.of());
        } else {
            c.set(
                    0,
                    c.has("value_strings") ? DataType.STRING.code() : 0,
                    c.has("value_strings") ? Dims.unknown(1) : null);
        }
    }

    private static void filled(NodeShapes c) {
        IntValues sizes = c.value(0);
        Optional<Initializer> with = c.node.attribute("value")
                .map(a -> a.value() instanceof dev.nibble.graph.Attribute.Value.OfTensor(Initializer t) ? t : null);
        int type = with.map(Initializer::typeCode).orElse(DataType.FLOAT.code());
        List<Dim> count = c.dims(0);
        int rank = count == null || count.isEmpty() ? -1 : (int) Dims.size(count.get(0));
        c.set(0, type, sizes != null ? sizes.elements() : rank < 0 || rank > 64 ? null : Dims.unknown(rank));
        IntValues one = with.map(IntValues::of).orElse(null);
        long[] known = sizes == null ? null : sizes.known();
        if (one != null && one.size() == 1 && known != null) {
            Shape shape = fitting(known);
            if (shape.elements() <= IntValues.LIMIT) {
                c.setValue(0, new IntValues(shape, Collections.nCopies((int) shape.elements(), one.get(0))));
            }
        }
    }

    private static Shape fitting(long[] sizes) {
        try {
            return Shape.of(sizes);
        } catch (IllegalArgumentException e) {
            throw new Dims.UnfitShape(String.valueOf(e.getMessage()));
        }
    }

    private static void range(NodeShapes c) {
        long[] start = c.longs(0);
        long[] limit = c.longs(1);
        long[] delta = c.longs(2);
        float[] from = c.floats(0);
        float[] to = c.floats(1);
        float[] by = c.floats(2);
        if (start != null
                && limit != null
                && delta != null
                && start.length * limit.length * delta.length == 1
                && delta[0] != 0) {
            long count = Math.max(0, ceilDiv(Math.subtractExact(limit[0], start[0]), delta[0]));
            c.set(0, c.typeFrom(0), Dims.list(count));
            if (count <= IntValues.LIMIT) {
                List<Dim> elements = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                    elements.add(Dims.of(start[0] + i * delta[0]));
                }
                c.setValue(0, IntValues.vector(elements));
            }
        } else if (from != null && to != null && by != null && from.length * to.length * by.length == 1 && by[0] != 0) {
            c.set(0, c.typeFrom(0), Dims.list((long) Math.max(0, Math.ceil(((double) to[0] - from[0]) / by[0]))));
        } else {
            IntValues named = c.value(1);
            boolean plain = start != null
                    && start.length == 1
                    && start[0] == 0
                    && delta != null
                    && delta.length == 1
                    && delta[0] == 1;
            c.set(0, c.typeFrom(0), List.of(plain && named != null && named.size() == 1 ? named.get(0) : Dims.UNKNOWN));
        }
    }

    private static long ceilDiv(long a, long b) {
        return Math.ceilDiv(a, b);
    }

    private static void oneHot(NodeShapes c) {
        List<Dim> indices = c.dims(0);
        IntValues depth = c.value(1);
        if (indices == null) {
            c.set(0, c.type(2), null);
            return;
        }
        List<Dim> dims = new ArrayList<>(indices);
        int axis = Dims.axis(c.node.intAttribute("axis", -1), indices.size() + 1);
        dims.add(axis, depth == null || depth.size() != 1 ? Dims.UNKNOWN : depth.get(0));
        c.set(0, c.type(2), dims);
    }

    private static void expand(NodeShapes c) {
        IntValues shape = c.value(1);
        List<Dim> count = c.dims(1);
        List<Dim> x = c.dims(0);
        List<Dim> to = shape != null
                ? shape.elements()
                : count == null || count.isEmpty() || Dims.size(count.get(0)) < 0 || Dims.size(count.get(0)) > 64
                        ? null
                        : Dims.unknown((int) Dims.size(count.get(0)));
        List<Dim> dims = Dims.broadcast(x, to);
        c.set(0, c.type(0), dims);
        IntValues value = c.value(0);
        if (value != null && value.size() == 1 && dims != null) {
            long elements = Dims.size(Dims.product(dims));
            if (elements >= 0 && elements <= IntValues.LIMIT) {
                Shape full = fitting(dims.stream().mapToLong(Dims::size).toArray());
                c.setValue(0, new IntValues(full, Collections.nCopies((int) elements, value.get(0))));
            }
        }
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
        return fitting(sizes);
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
