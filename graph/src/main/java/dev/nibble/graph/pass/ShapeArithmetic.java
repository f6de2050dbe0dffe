package dev.nibble.graph.pass;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/// Works out the small tensors by which exporters compute shapes: Shape, Gather, Slice, Concat, Cast, arithmetic.
///
/// Not a runtime: anything larger than [#LIMIT] elements, of another type or operator, is declined.
final class ShapeArithmetic {
    /// Shapes have at most a handful of elements; tables of indices somewhat more.
    static final int LIMIT = 4096;

    private ShapeArithmetic() {}

    /// What `node` gives for `inputs`, if that is one of the operators and types known here.
    ///
    /// @param inputs null for an input that is left out
    static Optional<Tensor> evaluate(Node node, List<@Nullable Tensor> inputs, long opset) {
        for (Tensor input : inputs) {
            if (input != null && (input.elements() > LIMIT || !isKnown(input.type()))) {
                return Optional.empty();
            }
        }
        if (inputs.isEmpty() || inputs.getFirst() == null || node.outputs().size() != 1) {
            return Optional.empty();
        }
        Tensor x = inputs.getFirst();
        Tensor second = inputs.size() > 1 ? inputs.get(1) : null;
        return switch (node.opType()) {
            case "Identity" -> Optional.of(x);
            case "Gather" -> second == null ? Optional.empty() : gather(x, second, node);
            case "Concat" -> concat(inputs, node);
            case "Unsqueeze" -> unsqueeze(x, axes(node, second));
            case "Squeeze" -> squeeze(x, axes(node, second));
            case "Slice" -> inputs.size() < 3 ? Optional.empty() : slice(x, inputs);
            case "Reshape" -> second == null ? Optional.empty() : reshape(x, second.toLongs(), node);
            case "Flatten" ->
                x.shape().rank() == 1 ? Optional.of(x.reshaped(Shape.of(1, x.elements()))) : Optional.empty();
            case "Range" -> range(inputs);
            case "ConstantOfShape" -> constantOfShape(x, node);
            case "Expand" -> second == null ? Optional.empty() : expand(x, second.toLongs());
            case "Cast" -> cast(x, node);
            case "ReduceProd" -> reduceProduct(x, node, second);
            default -> opset < 7 ? Optional.empty() : ConstantArithmetic.evaluate(node, inputs);
        };
    }

    private static boolean isKnown(DataType type) {
        return switch (type) {
            case INT64, INT32, BOOL, FLOAT, DOUBLE -> true;
            default -> false;
        };
    }

    /// The elements of `x` at `positions`, as a tensor of `shape`.
    static Tensor pick(Tensor x, Shape shape, IntUnaryOperator position) {
        int count = (int) shape.elements();
        if (Numbers.isFloat(x.type())) {
            double[] values = new double[count];
            Arrays.setAll(values, i -> Numbers.at(x, position.applyAsInt(i)));
            return Numbers.tensor(x.type(), shape, values);
        }
        long[] values = new long[count];
        Arrays.setAll(values, i -> x.longAt(position.applyAsInt(i)));
        return Numbers.integers(x.type(), shape, values);
    }

    private static long @Nullable [] axes(Node node, @Nullable Tensor input) {
        if (input != null) {
            return input.toLongs();
        }
        return node.attribute("axes").isPresent() ? node.intsAttribute("axes") : null;
    }

    private static Optional<Tensor> gather(Tensor x, Tensor indices, Node node) {
        if (x.shape().rank() != 1) {
            return Optional.empty();
        }
        int size = (int) x.elements();
        for (long index : indices.toLongs()) {
            if (index < -size || index >= size) {
                return Optional.empty();
            }
        }
        return Optional.of(pick(x, indices.shape(), i -> {
            int index = (int) indices.longAt(i);
            return index < 0 ? index + size : index;
        }));
    }

    private static Optional<Tensor> concat(List<@Nullable Tensor> inputs, Node node) {
        long total = 0;
        for (Tensor input : inputs) {
            if (input == null || input.shape().rank() != 1) {
                return Optional.empty();
            }
            total += input.elements();
        }
        DataType type = java.util.Objects.requireNonNull(inputs.getFirst()).type();
        double[] doubles = new double[(int) total];
        long[] longs = new long[(int) total];
        int at = 0;
        for (Tensor input : inputs) {
            for (int i = 0; input != null && i < input.elements(); i++, at++) {
                if (Numbers.isFloat(type)) {
                    doubles[at] = Numbers.at(input, i);
                } else {
                    longs[at] = input.longAt(i);
                }
            }
        }
        Shape shape = Shape.of(total);
        return Optional.of(
                Numbers.isFloat(type) ? Numbers.tensor(type, shape, doubles) : Numbers.integers(type, shape, longs));
    }

    private static Optional<Tensor> unsqueeze(Tensor x, long @Nullable [] axes) {
        if (axes == null) {
            return Optional.empty();
        }
        int rank = x.shape().rank() + axes.length;
        boolean[] added = new boolean[rank];
        for (long axis : axes) {
            long at = axis < 0 ? axis + rank : axis;
            if (at < 0 || at >= rank || added[(int) at]) {
                return Optional.empty();
            }
            added[(int) at] = true;
        }
        long[] dims = new long[rank];
        int from = 0;
        for (int i = 0; i < rank; i++) {
            dims[i] = added[i] ? 1 : x.shape().dim(from++);
        }
        return Optional.of(x.reshaped(Shape.of(dims)));
    }

    private static Optional<Tensor> squeeze(Tensor x, long @Nullable [] axes) {
        int rank = x.shape().rank();
        boolean[] gone = new boolean[rank];
        if (axes == null) {
            for (int i = 0; i < rank; i++) {
                gone[i] = x.shape().dim(i) == 1;
            }
        } else {
            for (long axis : axes) {
                long at = axis < 0 ? axis + rank : axis;
                if (at < 0 || at >= rank || x.shape().dim((int) at) != 1) {
                    return Optional.empty();
                }
                gone[(int) at] = true;
            }
        }
        long[] dims = java.util.stream.IntStream.range(0, rank)
                .filter(i -> !gone[i])
                .mapToLong(x.shape()::dim)
                .toArray();
        return Optional.of(x.reshaped(Shape.of(dims)));
    }

    private static Optional<Tensor> slice(Tensor x, List<@Nullable Tensor> inputs) {
        Tensor starts = inputs.get(1);
        Tensor ends = inputs.get(2);
        Tensor axes = inputs.size() > 3 ? inputs.get(3) : null;
        Tensor steps = inputs.size() > 4 ? inputs.get(4) : null;
        boolean oneAxis = x.shape().rank() == 1
                && starts != null
                && ends != null
                && starts.elements() == 1
                && ends.elements() == 1
                && (axes == null || axes.elements() == 1 && (axes.longAt(0) == 0 || axes.longAt(0) == -1));
        if (!oneAxis) {
            return Optional.empty();
        }
        long size = x.elements();
        long step = steps == null ? 1 : steps.longAt(0);
        if (step == 0) {
            return Optional.empty();
        }
        long start = starts.longAt(0) < 0 ? starts.longAt(0) + size : starts.longAt(0);
        long end = ends.longAt(0) < 0 ? Math.max(ends.longAt(0), Long.MIN_VALUE / 2) + size : ends.longAt(0);
        long from = step > 0 ? Math.clamp(start, 0, size) : Math.clamp(start, -1, size - 1);
        long to = step > 0 ? Math.clamp(end, 0, size) : Math.clamp(end, -1, size - 1);
        long count = Math.max(0, Math.ceilDiv(to - from, step));
        return Optional.of(pick(x, Shape.of(count), i -> (int) (from + i * step)));
    }

    private static Optional<Tensor> reshape(Tensor x, long[] wanted, Node node) {
        long[] dims = wanted.clone();
        long fixed = 1;
        int open = -1;
        for (int i = 0; i < dims.length; i++) {
            if (dims[i] == 0 && node.intAttribute("allowzero", 0) == 0) {
                if (i >= x.shape().rank()) {
                    return Optional.empty();
                }
                dims[i] = x.shape().dim(i);
            }
            if (dims[i] == -1) {
                open = i;
            } else {
                fixed *= dims[i];
            }
        }
        if (open >= 0) {
            if (fixed == 0) {
                return Optional.empty();
            }
            dims[open] = x.elements() / fixed;
            fixed *= dims[open];
        }
        return fixed == x.elements() && Arrays.stream(dims).allMatch(d -> d >= 0)
                ? Optional.of(x.reshaped(Shape.of(dims)))
                : Optional.empty();
    }

    private static Optional<Tensor> range(List<@Nullable Tensor> inputs) {
        Tensor start = inputs.getFirst();
        Tensor limit = inputs.size() > 1 ? inputs.get(1) : null;
        Tensor delta = inputs.size() > 2 ? inputs.get(2) : null;
        if (start == null || limit == null || delta == null || Numbers.isFloat(start.type()) || delta.longAt(0) == 0) {
            return Optional.empty();
        }
        long from = start.longAt(0);
        long step = delta.longAt(0);
        long count = Math.max(0, Math.ceilDiv(limit.longAt(0) - from, step));
        if (count > LIMIT) {
            return Optional.empty();
        }
        long[] values = new long[(int) count];
        Arrays.setAll(values, i -> from + i * step);
        return Optional.of(Numbers.integers(start.type(), Shape.of(count), values));
    }

    private static Optional<Tensor> constantOfShape(Tensor dims, Node node) {
        Optional<Initializer> given = node.attribute("value")
                .map(a -> a.value() instanceof dev.nibble.graph.Attribute.Value.OfTensor(Initializer i) ? i : null);
        Tensor value = given.map(Initializer::tensor).orElseGet(() -> Tensor.of(Shape.of(1), 0f));
        Optional<Shape> shape = smallShape(dims.toLongs());
        return isKnown(value.type()) && value.elements() == 1
                ? shape.map(s -> pick(value, s, i -> 0))
                : Optional.empty();
    }

    private static Optional<Shape> smallShape(long[] dims) {
        long elements = 1;
        for (long dim : dims) {
            if (dim < 0 || dim > LIMIT) {
                return Optional.empty();
            }
            elements *= dim;
            if (elements > LIMIT) {
                return Optional.empty();
            }
        }
        return Optional.of(Shape.of(dims));
    }

    private static Optional<Tensor> expand(Tensor x, long[] dims) {
        return x.elements() == 1 && x.shape().rank() <= dims.length
                ? smallShape(dims).map(s -> pick(x, s, i -> 0))
                : Optional.empty();
    }

    private static Optional<Tensor> cast(Tensor x, Node node) {
        DataType to = DataType.ofCode((int) node.intAttribute("to", 0)).orElse(DataType.STRING);
        if (!isKnown(to)) {
            return Optional.empty();
        }
        if (!Numbers.isFloat(x.type()) && !Numbers.isFloat(to)) {
            return Optional.of(Numbers.integers(to, x.shape(), x.toLongs()));
        }
        double[] values = Numbers.doubles(x);
        boolean fits = Numbers.isFloat(to)
                || Arrays.stream(values).allMatch(v -> Math.abs(v) < (to == DataType.INT32 ? 0x1p31 : 0x1p63));
        if (!fits) {
            return Optional.empty();
        }
        if (to == DataType.BOOL) {
            return Optional.of(Numbers.integers(
                    to,
                    x.shape(),
                    Arrays.stream(values).mapToLong(v -> v != 0 ? 1 : 0).toArray()));
        }
        return Optional.of(Numbers.tensor(to, x.shape(), values));
    }

    private static Optional<Tensor> reduceProduct(Tensor x, Node node, @Nullable Tensor axes) {
        boolean whole = x.shape().rank() == 1
                && (axes != null
                        || node.attribute("axes").isPresent()
                        || node.intAttribute("noop_with_empty_axes", 0) == 0);
        if (!whole || Numbers.isFloat(x.type())) {
            return Optional.empty();
        }
        long product = 1;
        for (long value : x.toLongs()) {
            product *= value;
        }
        Shape shape = node.intAttribute("keepdims", 1) == 0 ? Shape.SCALAR : Shape.of(1);
        return Optional.of(Numbers.integers(x.type(), shape, product));
    }
}
