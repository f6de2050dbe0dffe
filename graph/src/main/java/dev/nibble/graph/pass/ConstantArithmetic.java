package dev.nibble.graph.pass;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Elementwise arithmetic on small constants, with ONNX's broadcasting.
///
/// Whole numbers are computed in 64 bits and cut to their type. Floats are computed in double and rounded once, which
/// for one addition, multiplication, division or square root of floats is the correctly rounded result.
final class ConstantArithmetic {
    private ConstantArithmetic() {}

    static Optional<Tensor> evaluate(Node node, List<@Nullable Tensor> inputs) {
        Tensor a = inputs.getFirst();
        Tensor b = inputs.size() > 1 ? inputs.get(1) : null;
        if (a == null) {
            return Optional.empty();
        }
        return switch (node.opType()) {
            case "Add",
                    "Sub",
                    "Mul",
                    "Div",
                    "Min",
                    "Max",
                    "Mod",
                    "Equal",
                    "Greater",
                    "Less",
                    "GreaterOrEqual",
                    "LessOrEqual",
                    "And",
                    "Or" ->
                b == null || inputs.size() != 2 || a.type() != b.type() || node.intAttribute("fmod", 0) != 0
                        ? Optional.empty()
                        : binary(node.opType(), a, b);
            case "Neg", "Abs", "Not", "Floor", "Ceil", "Sqrt" -> unary(node.opType(), a);
            case "Where" -> {
                Tensor c = inputs.size() > 2 ? inputs.get(2) : null;
                yield b == null || c == null || b.type() != c.type() ? Optional.empty() : where(a, b, c);
            }
            default -> Optional.empty();
        };
    }

    private static Optional<Tensor> unary(String op, Tensor x) {
        int count = (int) x.elements();
        if (!Numbers.isFloat(x.type())) {
            long[] values = x.toLongs();
            for (int i = 0; i < count; i++) {
                switch (op) {
                    case "Neg" -> values[i] = -values[i];
                    case "Abs" -> values[i] = Math.abs(values[i]);
                    case "Not" -> values[i] = values[i] == 0 ? 1 : 0;
                    default -> {
                        return Optional.empty();
                    }
                }
            }
            return Optional.of(Numbers.integers(x.type(), x.shape(), values));
        }
        double[] values = Numbers.doubles(x);
        for (int i = 0; i < count; i++) {
            switch (op) {
                case "Neg" -> values[i] = -values[i];
                case "Abs" -> values[i] = Math.abs(values[i]);
                case "Floor" -> values[i] = Math.floor(values[i]);
                case "Ceil" -> values[i] = Math.ceil(values[i]);
                case "Sqrt" -> values[i] = Math.sqrt(values[i]);
                default -> {
                    return Optional.empty();
                }
            }
        }
        return Optional.of(Numbers.tensor(x.type(), x.shape(), values));
    }

    private static Optional<Tensor> binary(String op, Tensor a, Tensor b) {
        Optional<Shape> broadcast = broadcast(a.shape(), b.shape());
        if (broadcast.isEmpty()) {
            return Optional.empty();
        }
        Shape shape = broadcast.get();
        int count = (int) shape.elements();
        boolean compares = switch (op) {
            case "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or" -> true;
            default -> false;
        };
        if (Numbers.isFloat(a.type())) {
            double[] values = new double[count];
            for (int i = 0; i < count; i++) {
                double x = Numbers.at(a, position(a.shape(), shape, i));
                double y = Numbers.at(b, position(b.shape(), shape, i));
                values[i] = switch (op) {
                    case "Add" -> x + y;
                    case "Sub" -> x - y;
                    case "Mul" -> x * y;
                    case "Div" -> x / y;
                    case "Min" -> Math.min(x, y);
                    case "Max" -> Math.max(x, y);
                    case "Equal" -> x == y ? 1 : 0;
                    case "Greater" -> x > y ? 1 : 0;
                    case "Less" -> x < y ? 1 : 0;
                    case "GreaterOrEqual" -> x >= y ? 1 : 0;
                    case "LessOrEqual" -> x <= y ? 1 : 0;
                    default -> Double.NaN;
                };
            }
            return op.equals("Mod")
                    ? Optional.empty()
                    : Optional.of(Numbers.tensor(compares ? DataType.BOOL : a.type(), shape, values));
        }
        long[] values = new long[count];
        for (int i = 0; i < count; i++) {
            long x = a.longAt(position(a.shape(), shape, i));
            long y = b.longAt(position(b.shape(), shape, i));
            if (y == 0 && (op.equals("Div") || op.equals("Mod"))) {
                return Optional.empty();
            }
            values[i] = switch (op) {
                case "Add" -> x + y;
                case "Sub" -> x - y;
                case "Mul" -> x * y;
                case "Div" -> x / y;
                case "Min" -> Math.min(x, y);
                case "Max" -> Math.max(x, y);
                case "Mod" -> Math.floorMod(x, y);
                case "Equal" -> x == y ? 1 : 0;
                case "Greater" -> x > y ? 1 : 0;
                case "Less" -> x < y ? 1 : 0;
                case "GreaterOrEqual" -> x >= y ? 1 : 0;
                case "LessOrEqual" -> x <= y ? 1 : 0;
                case "And" -> x & y;
                case "Or" -> x | y;
                default -> throw new IllegalStateException(op);
            };
        }
        return Optional.of(Numbers.integers(compares ? DataType.BOOL : a.type(), shape, values));
    }

    private static Optional<Tensor> where(Tensor condition, Tensor yes, Tensor no) {
        Optional<Shape> broadcast = broadcast(condition.shape(), yes.shape()).flatMap(s -> broadcast(s, no.shape()));
        if (broadcast.isEmpty()) {
            return Optional.empty();
        }
        Shape shape = broadcast.get();
        int count = (int) shape.elements();
        double[] doubles = new double[count];
        long[] longs = new long[count];
        for (int i = 0; i < count; i++) {
            Tensor from = condition.longAt(position(condition.shape(), shape, i)) != 0 ? yes : no;
            int at = position(from.shape(), shape, i);
            if (Numbers.isFloat(yes.type())) {
                doubles[i] = Numbers.at(from, at);
            } else {
                longs[i] = from.longAt(at);
            }
        }
        return Optional.of(
                Numbers.isFloat(yes.type())
                        ? Numbers.tensor(yes.type(), shape, doubles)
                        : Numbers.integers(yes.type(), shape, longs));
    }

    /// The shape that `a` and `b` broadcast to, if they do and the result is small.
    static Optional<Shape> broadcast(Shape a, Shape b) {
        int rank = Math.max(a.rank(), b.rank());
        long[] dims = new long[rank];
        long elements = 1;
        for (int i = 1; i <= rank; i++) {
            long x = i <= a.rank() ? a.dim(-i) : 1;
            long y = i <= b.rank() ? b.dim(-i) : 1;
            if (x != y && x != 1 && y != 1) {
                return Optional.empty();
            }
            dims[rank - i] = x == 1 ? y : x;
            elements *= dims[rank - i];
        }
        return elements > ShapeArithmetic.LIMIT ? Optional.empty() : Optional.of(Shape.of(dims));
    }

    /// Where element `index` of the broadcast shape `whole` stands in a tensor of shape `part`.
    static int position(Shape part, Shape whole, int index) {
        int position = 0;
        int stride = 1;
        int rest = index;
        for (int i = 1; i <= whole.rank(); i++) {
            int size = (int) whole.dim(-i);
            int at = rest % size;
            rest /= size;
            if (i <= part.rank() && part.dim(-i) != 1) {
                position += at * stride;
                stride *= (int) part.dim(-i);
            }
        }
        return position;
    }
}
