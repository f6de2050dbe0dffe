package dev.nibble.graph.check;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Node;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The kinds of the attributes that ONNX's operators share: `axis` is always one whole number, `pads` always a
/// list. Names that mean different things in different operators are left to ONNX's own checker.
final class AttributeKinds {
    private static final Map<String, Kind> BY_NAME = new HashMap<>();

    /// What an attribute holds, by its number in `AttributeProto.AttributeType`.
    private enum Kind {
        FLOAT(1, "a number"),
        INT(2, "a whole number"),
        STRING(3, "a text"),
        TENSOR(4, "a tensor"),
        GRAPH(5, "a graph"),
        FLOATS(6, "a list of numbers"),
        INTS(7, "a list of whole numbers"),
        STRINGS(8, "a list of texts"),
        TENSORS(9, "a list of tensors"),
        GRAPHS(10, "a list of graphs"),
        OTHER(0, "something else");

        final int code;
        final String shown;

        Kind(int code, String shown) {
            this.code = code;
            this.shown = shown;
        }
    }

    static {
        List.of("axis", "group", "transA", "transB", "keepdims", "hidden_size", "ceil_mode", "blocksize", "largest")
                .forEach(n -> BY_NAME.put(n, Kind.INT));
        List.of("axes", "kernel_shape", "strides", "pads", "dilations", "perm", "output_padding", "output_shape")
                .forEach(n -> BY_NAME.put(n, Kind.INTS));
        List.of("epsilon", "alpha", "beta", "gamma", "momentum").forEach(n -> BY_NAME.put(n, Kind.FLOAT));
        List.of("auto_pad", "mode", "direction", "coordinate_transformation_mode", "nearest_mode", "equation")
                .forEach(n -> BY_NAME.put(n, Kind.STRING));
        List.of("then_branch", "else_branch", "body").forEach(n -> BY_NAME.put(n, Kind.GRAPH));
    }

    private AttributeKinds() {}

    /// What is wrong with the kind of `attribute`, if something is.
    static Optional<String> mismatch(Node node, Attribute attribute) {
        Kind expected = node.isStandard() ? BY_NAME.get(attribute.name()) : null;
        Kind found = kind(attribute.value());
        return expected == null || found == expected
                ? Optional.empty()
                : Optional.of("attribute '%s' should be %s, but is %s"
                        .formatted(attribute.name(), expected.shown, found.shown));
    }

    private static Kind kind(Attribute.Value value) {
        return switch (value) {
            case Attribute.Value.OfFloat f -> Kind.FLOAT;
            case Attribute.Value.OfInt i -> Kind.INT;
            case Attribute.Value.OfString s -> Kind.STRING;
            case Attribute.Value.OfTensor t -> Kind.TENSOR;
            case Attribute.Value.OfGraph g -> Kind.GRAPH;
            case Attribute.Value.OfFloats f -> Kind.FLOATS;
            case Attribute.Value.OfInts i -> Kind.INTS;
            case Attribute.Value.OfStrings s -> Kind.STRINGS;
            case Attribute.Value.OfTensors t -> Kind.TENSORS;
            case Attribute.Value.OfGraphs g -> Kind.GRAPHS;
            case Attribute.Value.Reference(String of, int code) ->
                List.of(Kind.values()).stream()
                        .filter(k -> k.code == code)
                        .findFirst()
                        .orElse(Kind.OTHER);
            case Attribute.Value.CarriedValue c -> Kind.OTHER;
        };
    }
}
