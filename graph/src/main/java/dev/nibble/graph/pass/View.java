package dev.nibble.graph.pass;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueType;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/// A model's main graph as a pass looks at it: what is constant, who makes and who reads a value, of what rank it is.
final class View {
    /// How far a constant of a pattern may lie from the number its formula asks for, relative. Exporters print such
    /// constants with five digits or more; float16 keeps eleven bits, see [#is].
    static final double CONSTANT_TOLERANCE = 1e-4;

    private static final double HALF_TOLERANCE = 1e-3;
    private static final double BFLOAT_TOLERANCE = 8e-3;

    final Model model;
    final Graph graph;

    View(Model model) {
        this.model = model;
        this.graph = model.graph();
    }

    /// Whether `value` is an initializer that a caller may replace: from IR version 4 on, one that is an input too.
    boolean overridable(String value) {
        return model.irVersion() >= 4 && graph.isInput(value);
    }

    /// The stored constant behind `value`, with or without data.
    Optional<Initializer> stored(String value) {
        return value.isEmpty() || overridable(value) ? Optional.empty() : graph.constant(value);
    }

    /// The constant behind `value`, where its elements can be had and are numbers.
    Optional<Tensor> constant(String value) {
        return stored(value)
                .filter(i -> i.hasData()
                        && DataType.ofCode(i.typeCode())
                                .filter(t -> t != DataType.STRING)
                                .isPresent())
                .map(Initializer::tensor);
    }

    /// The number behind `value`, if it is a float constant of one element that adds no axis by broadcasting.
    OptionalDouble scalar(String value) {
        return constant(value).filter(t -> Numbers.isFloat(t.type())).isPresent()
                ? number(value)
                : OptionalDouble.empty();
    }

    /// As [#scalar], of whole numbers too.
    OptionalDouble number(String value) {
        return constant(value)
                .filter(t -> t.elements() == 1 && t.shape().rank() <= 1 && Numbers.readable(t.type()))
                .map(t -> OptionalDouble.of(Numbers.at(t, 0)))
                .orElse(OptionalDouble.empty());
    }

    /// Whether `value` is a constant of one element that is `wanted`, within the tolerance of its type.
    boolean is(String value, double wanted) {
        OptionalDouble number = scalar(value);
        return number.isPresent() && near(number.getAsDouble(), wanted, tolerance(value));
    }

    double tolerance(String value) {
        return switch (graph.type(value).orElse(DataType.FLOAT)) {
            case FLOAT16 -> HALF_TOLERANCE;
            case BFLOAT16 -> BFLOAT_TOLERANCE;
            default -> CONSTANT_TOLERANCE;
        };
    }

    static boolean near(double number, double wanted, double tolerance) {
        return Math.abs(number - wanted) <= tolerance * Math.max(Math.abs(wanted), 1e-30);
    }

    /// The constant whole numbers behind `value`.
    Optional<long[]> longs(String value) {
        return constant(value)
                .filter(t -> t.type() == DataType.INT64 || t.type() == DataType.INT32)
                .map(Tensor::toLongs);
    }

    /// The node that makes `value`, if it is one of ONNX's own `ops`.
    Optional<Node> maker(String value, String... ops) {
        return graph.producer(value).filter(n -> n.isAny(ops));
    }

    /// Whether `value` is read by `reader` alone, once, and is not a graph output.
    boolean onlyReadBy(String value, Node reader) {
        List<Node> readers = graph.consumers(value);
        return !graph.isOutput(value) && readers.size() == 1 && readers.getFirst() == reader;
    }

    /// Why `value` cannot be taken away when `inside` is all that remains of its readers; empty where it can.
    Optional<String> neededOutside(String value, List<Node> inside) {
        if (graph.isOutput(value)) {
            return Optional.of("value '" + value + "' inside the pattern is a graph output");
        }
        return graph.consumers(value).stream()
                .filter(n -> inside.stream().noneMatch(i -> i == n))
                .findFirst()
                .map(n -> "value '%s' inside the pattern is also read by %s".formatted(value, n));
    }

    Optional<List<Dim>> dims(String value) {
        Optional<Shape> shape = graph.shape(value);
        if (shape.isPresent()) {
            return shape.map(
                    s -> Arrays.stream(s.dims()).<Dim>mapToObj(Dim.Known::new).toList());
        }
        return graph.valueInfo(value)
                .flatMap(v -> v.tensorType())
                .map(ValueType.TensorType::dims)
                .map(List::copyOf);
    }

    OptionalInt rank(String value) {
        return dims(value).map(d -> OptionalInt.of(d.size())).orElse(OptionalInt.empty());
    }

    /// The axes of a reduction or of Squeeze/Unsqueeze: attribute `axes`, or the constant input `index` that newer
    /// operator sets have. Empty where they are not constant; an empty array where none are given.
    Optional<long[]> axes(Node node, int index) {
        if (node.hasInput(index)) {
            return longs(node.input(index));
        }
        return Optional.of(node.intsAttribute("axes"));
    }
}
