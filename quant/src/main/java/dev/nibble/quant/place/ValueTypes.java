package dev.nibble.quant.place;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// The element types of a graph's values: as declared, otherwise as the operators give them.
final class ValueTypes {
    private final Map<String, DataType> types = new HashMap<>();

    ValueTypes(Graph graph) {
        graph.initializers().forEach(i -> DataType.ofCode(i.typeCode()).ifPresent(t -> types.put(i.name(), t)));
        graph.inputs().forEach(this::declare);
        for (Node node : graph.nodes()) {
            for (int i = 0; i < node.outputs().size(); i++) {
                String output = node.output(i);
                if (!output.isEmpty()) {
                    int index = i;
                    declared(graph, output)
                            .or(() -> Optional.ofNullable(typeOf(graph, node, index)))
                            .ifPresent(t -> types.put(output, t));
                }
            }
        }
    }

    private void declare(ValueInfo value) {
        value.tensorType().flatMap(ValueType.TensorType::elementType).ifPresent(t -> types.put(value.name(), t));
    }

    private static Optional<DataType> declared(Graph graph, String value) {
        return graph.valueInfo(value).flatMap(ValueInfo::tensorType).flatMap(ValueType.TensorType::elementType);
    }

    /// The type of `value`, if it is known.
    Optional<DataType> of(String value) {
        return Optional.ofNullable(types.get(value));
    }

    boolean isFloat(String value) {
        return types.get(value) == DataType.FLOAT;
    }

    private @org.jspecify.annotations.Nullable DataType typeOf(Graph graph, Node node, int output) {
        if (!node.isStandard()) {
            return firstInput(node);
        }
        return switch (node.opType()) {
            case "Shape", "Size", "ArgMax", "ArgMin", "NonZero", "NonMaxSuppression" -> DataType.INT64;
            case "Equal",
                    "Greater",
                    "GreaterOrEqual",
                    "Less",
                    "LessOrEqual",
                    "Not",
                    "And",
                    "Or",
                    "Xor",
                    "IsNaN",
                    "IsInf" -> DataType.BOOL;
            case "TopK", "MaxPool", "Unique" -> output == 0 ? firstInput(node) : DataType.INT64;
            case "Dropout" -> output == 0 ? firstInput(node) : DataType.BOOL;
            case "Cast" -> DataType.ofCode((int) node.intAttribute("to", 0)).orElse(null);
            case "CastLike" -> types.get(node.input(1));
            case "Where" -> types.get(node.input(1));
            case "OneHot" -> types.get(node.input(2));
            case "RandomNormal", "RandomUniform" ->
                DataType.ofCode((int) node.intAttribute("dtype", 1)).orElse(null);
            case "ConstantOfShape" ->
                node.attribute("value")
                        .map(a -> a.value() instanceof dev.nibble.graph.Attribute.Value.OfTensor(Initializer t)
                                ? DataType.ofCode(t.typeCode()).orElse(null)
                                : null)
                        .orElse(DataType.FLOAT);
            case "Constant" ->
                graph.constant(node.output(0))
                        .flatMap(i -> DataType.ofCode(i.typeCode()))
                        .orElse(null);
            case "If", "Loop", "Scan", "SequenceAt", "ConcatFromSequence", "Optional", "OptionalGetElement" -> null;
            default -> firstInput(node);
        };
    }

    private @org.jspecify.annotations.Nullable DataType firstInput(Node node) {
        for (String input : node.inputs()) {
            DataType type = types.get(input);
            if (type != null) {
                return type;
            }
        }
        return null;
    }
}
