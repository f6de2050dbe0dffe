package dev.nibble.graph.shape;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Shape;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

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

    static Shape fitting(long[] sizes) {
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
}
