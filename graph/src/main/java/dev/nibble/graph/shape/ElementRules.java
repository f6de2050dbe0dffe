package dev.nibble.graph.shape;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.LongBinaryOperator;
import org.jspecify.annotations.Nullable;

/// Operators that work element by element, with broadcasting where there are several inputs.
final class ElementRules {
    /// One output, of the type and shape of the first input.
    private static final Set<String> SAME = Set.of(
            "Abs",
            "Acos",
            "Acosh",
            "Asin",
            "Asinh",
            "Atan",
            "Atanh",
            "BatchNormalization",
            "BitwiseNot",
            "Ceil",
            "Celu",
            "Clip",
            "Cos",
            "Cosh",
            "CumProd",
            "CumSum",
            "Dropout",
            "Elu",
            "Erf",
            "Exp",
            "Floor",
            "Gelu",
            "GroupNormalization",
            "HardSigmoid",
            "HardSwish",
            "Hardmax",
            "Identity",
            "InstanceNormalization",
            "LRN",
            "LayerNormalization",
            "LeakyRelu",
            "Log",
            "LogSoftmax",
            "LpNormalization",
            "MeanVarianceNormalization",
            "Mish",
            "Neg",
            "Not",
            "PRelu",
            "RMSNormalization",
            "RandomNormalLike",
            "RandomUniformLike",
            "Reciprocal",
            "Relu",
            "ReverseSequence",
            "RotaryEmbedding",
            "Round",
            "ScatterElements",
            "Scatter",
            "ScatterND",
            "Selu",
            "Shrink",
            "Sigmoid",
            "Sign",
            "Sin",
            "Sinh",
            "Softmax",
            "Softplus",
            "Softsign",
            "Sqrt",
            "Swish",
            "Tan",
            "Tanh",
            "TensorScatter",
            "ThresholdedRelu",
            "Trilu");

    private ElementRules() {}

    /// @return whether there is a rule for the operator
    static boolean apply(NodeShapes c) {
        if (SAME.contains(c.node.opType())) {
            same(c);
            return true;
        }
        switch (c.node.opType()) {
            case "Add", "Sub", "Mul", "Div", "Mod", "Pow", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor" -> {
                c.broadcast(c.type(0) != 0 || c.node.opType().equals("Pow") ? c.type(0) : c.type(1), 0, 2);
                arithmetic(c);
            }
            case "Max", "Min", "Sum", "Mean" -> {
                c.broadcast(c.typeFrom(0), 0, c.node.inputs().size());
                arithmetic(c);
            }
            case "And", "Or", "Xor" -> c.broadcast(DataType.BOOL.code(), 0, 2);
            case "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual" -> {
                c.broadcast(DataType.BOOL.code(), 0, 2);
                arithmetic(c);
            }
            case "IsInf", "IsNaN" -> c.set(0, DataType.BOOL, c.dims(0));
            case "Where" -> {
                c.set(0, c.typeFrom(1), Dims.broadcast(Dims.broadcast(c.dims(0), c.dims(1)), c.dims(2)));
                where(c);
            }
            case "Cast" -> {
                c.set(0, (int) c.node.intAttribute("to", 0), c.dims(0));
                int to = (int) c.node.intAttribute("to", 0);
                if (to == DataType.INT64.code() || to == DataType.INT32.code()) {
                    c.setValue(0, c.value(0));
                }
            }
            case "CastLike" -> {
                c.set(0, c.type(1), c.dims(0));
            }
            case "Bernoulli" -> c.set(0, c.has("dtype") ? (int) c.node.intAttribute("dtype", 0) : c.type(0), c.dims(0));
            case "QuantizeLinear" -> {
                int type = c.node.hasInput(2) ? c.type(2) : (int) c.node.intAttribute("output_dtype", 0);
                c.set(0, type != 0 || c.node.hasInput(2) ? type : DataType.UINT8.code(), c.dims(0));
            }
            case "DequantizeLinear" -> {
                int type = (int) c.node.intAttribute("output_dtype", 0);
                c.set(0, type != 0 ? type : c.type(1), c.dims(0));
            }
            case "DynamicQuantizeLinear" -> {
                c.set(0, DataType.UINT8, c.dims(0));
                c.set(1, DataType.FLOAT, List.of());
                c.set(2, DataType.UINT8, List.of());
            }
            default -> {
                return false;
            }
        }
        return true;
    }

    private static void same(NodeShapes c) {
        c.same();
        List<Dim> dims = c.dims(0);
        switch (c.node.opType()) {
            case "Identity" -> c.setValue(0, c.value(0));
            case "Neg", "Abs" -> {
                IntValues value = c.value(0);
                if (value != null) {
                    boolean negate = c.node.opType().equals("Neg");
                    c.setValue(
                            0,
                            new IntValues(
                                    value.shape(),
                                    value.elements().stream()
                                            .map(d -> !(d instanceof Dim.Known(long v))
                                                    ? Dims.UNKNOWN
                                                    : Dims.of(negate ? -v : Math.abs(v)))
                                            .toList()));
                }
            }
            case "Dropout" -> c.set(1, DataType.BOOL, dims);
            case "BatchNormalization" -> {
                // In training mode also the running mean and variance; their shape is that of the scale.
                for (int i = 1; i < c.node.outputs().size(); i++) {
                    c.set(i, c.type(3), c.dims(1));
                }
            }
            case "LayerNormalization" -> {
                if (dims != null) {
                    int axis = Dims.axis(c.node.intAttribute("axis", -1), dims.size());
                    List<Dim> kept = new ArrayList<>(dims);
                    for (int i = axis; i < kept.size(); i++) {
                        kept.set(i, Dims.ONE);
                    }
                    int type = (int) c.node.intAttribute("stash_type", 1);
                    c.set(1, type, kept);
                    c.set(2, type, kept);
                }
            }
            case "RandomNormalLike", "RandomUniformLike" -> {
                if (c.has("dtype")) {
                    c.set(0, (int) c.node.intAttribute("dtype", 0), dims);
                }
            }
            default -> {}
        }
    }

    private static void arithmetic(NodeShapes c) {
        LongBinaryOperator operator = switch (c.node.opType()) {
            case "Add", "Sum" -> Math::addExact;
            case "Sub" -> Math::subtractExact;
            case "Mul" -> Math::multiplyExact;
            case "Max" -> Math::max;
            case "Min" -> Math::min;
            case "Equal" -> (a, b) -> a == b ? 1 : 0;
            case "Greater" -> (a, b) -> a > b ? 1 : 0;
            case "Less" -> (a, b) -> a < b ? 1 : 0;
            case "GreaterOrEqual" -> (a, b) -> a >= b ? 1 : 0;
            case "LessOrEqual" -> (a, b) -> a <= b ? 1 : 0;
            // ONNX divides whole numbers towards zero; Mod without fmod takes the divisor's sign.
            case "Div" -> (a, b) -> b == 0 ? 0 : a / b;
            case "Mod" -> (a, b) -> b == 0 ? 0 : c.node.intAttribute("fmod", 0) == 1 ? a % b : Math.floorMod(a, b);
            default -> null;
        };
        IntValues result = c.value(0);
        for (int i = 1; i < c.node.inputs().size() && operator != null && result != null; i++) {
            result = combined(result, c.value(i), operator, c.node.opType());
        }
        if (operator != null) {
            c.setValue(0, result);
        }
    }

    private static @Nullable IntValues combined(
            IntValues a, @Nullable IntValues b, LongBinaryOperator operator, String op) {
        if (b == null
                || a.size() != b.size() && a.size() != 1 && b.size() != 1
                || a.shape().rank() > 1 && b.shape().rank() > 1 && !a.shape().equals(b.shape())) {
            return null;
        }
        int size = a.size() == 1 ? b.size() : a.size();
        List<Dim> elements = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            Dim x = a.get(a.size() == 1 ? 0 : i);
            Dim y = b.get(b.size() == 1 ? 0 : i);
            if (x instanceof Dim.Known(long p) && y instanceof Dim.Known(long q)) {
                elements.add(op.equals("Div") && q == 0 ? Dims.UNKNOWN : Dims.of(operator.applyAsLong(p, q)));
            } else if (op.equals("Mul")) {
                elements.add(Dims.times(x, y));
            } else if (op.equals("Add")) {
                elements.add(Dims.plus(x, y));
            } else if ((op.equals("Div") && Dims.is(y, 1)) || (op.equals("Sub") && Dims.is(y, 0))) {
                elements.add(x);
            } else if (op.equals("Equal") && (Dims.is(x, -1) || Dims.is(y, -1)) && (named(x) || named(y))) {
                // A named dimension is a size, and no size is −1: the idiom that exporters write before Expand.
                elements.add(Dims.of(0));
            } else {
                elements.add(Dims.UNKNOWN);
            }
        }
        return new IntValues(
                a.shape().rank() >= b.shape().rank() && a.size() == size ? a.shape() : b.shape(), elements);
    }

    private static boolean named(Dim dim) {
        return dim instanceof Dim.Symbol;
    }

    private static void where(NodeShapes c) {
        IntValues condition = c.value(0);
        IntValues yes = c.value(1);
        IntValues no = c.value(2);
        if (condition == null || yes == null || no == null) {
            return;
        }
        int size = Math.max(condition.size(), Math.max(yes.size(), no.size()));
        List<Dim> elements = new ArrayList<>();
        for (IntValues each : List.of(condition, yes, no)) {
            if (each.size() != size && each.size() != 1 || each.shape().rank() > 1) {
                return;
            }
        }
        for (int i = 0; i < size; i++) {
            Dim which = condition.get(condition.size() == 1 ? 0 : i);
            Dim a = yes.get(yes.size() == 1 ? 0 : i);
            Dim b = no.get(no.size() == 1 ? 0 : i);
            elements.add(which instanceof Dim.Known(long v) ? v != 0 ? a : b : Dims.either(a, b));
        }
        boolean scalar =
                condition.shape().rank() + yes.shape().rank() + no.shape().rank() == 0;
        c.setValue(0, scalar ? IntValues.scalar(elements.getFirst()) : IntValues.vector(elements));
    }
}
