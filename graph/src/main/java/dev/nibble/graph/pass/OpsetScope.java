package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What an opset step sees of the graph around a node, and where it puts the constants a new form needs: initializers
/// in the main graph, Constant nodes in subgraphs and functions.
final class OpsetScope {
    private final @Nullable Graph graph;
    private final @Nullable OpsetScope outer;
    private final Set<String> names;
    private final List<Initializer> initializers = new ArrayList<>();
    private List<Node> constantNodes = new ArrayList<>();

    /// @param graph null inside a function
    /// @param outer the graph around a subgraph
    /// @param names every name of the model; grows
    OpsetScope(@Nullable Graph graph, @Nullable OpsetScope outer, Set<String> names) {
        this.graph = graph;
        this.outer = outer;
        this.names = names;
    }

    Set<String> names() {
        return names;
    }

    List<Initializer> initializers() {
        return initializers;
    }

    List<Node> takeConstantNodes() {
        List<Node> taken = constantNodes;
        constantNodes = new ArrayList<>();
        return taken;
    }

    String fresh(String wanted) {
        String name = wanted;
        for (int i = 1; !names.add(name); i++) {
            name = wanted + "_" + i;
        }
        return name;
    }

    /// Stores a constant.
    ///
    /// @return its name
    String constant(Node node, String role, Tensor tensor) {
        String name = fresh(node.label() + "." + role);
        if (graph != null && outer == null) {
            initializers.add(Initializer.of(name, tensor));
        } else {
            constantNodes.add(Node.of(
                    name, "Constant", List.of(), List.of(name), Attribute.of("value", Initializer.of("", tensor))));
        }
        return name;
    }

    String longs(Node node, String role, long... values) {
        return constant(node, role, Tensor.of(Shape.of(values.length), values));
    }

    Optional<Tensor> constant(String value) {
        Optional<Tensor> here = graph == null
                ? Optional.empty()
                : graph.constant(value).filter(Initializer::hasData).map(Initializer::tensor);
        return here.isPresent() || outer == null ? here : outer.constant(value);
    }

    Optional<Shape> shape(String value) {
        Optional<Shape> here = graph == null ? Optional.empty() : graph.shape(value);
        return here.isPresent() || outer == null ? here : outer.shape(value);
    }

    Optional<DataType> type(String value) {
        Optional<DataType> here = graph == null ? Optional.empty() : graph.type(value);
        return here.isPresent() || outer == null ? here : outer.type(value);
    }

    OptionalInt rank(String value) {
        if (graph != null) {
            Optional<Shape> shape = graph.shape(value);
            if (shape.isPresent()) {
                return OptionalInt.of(shape.get().rank());
            }
            Optional<Integer> declared = graph.valueInfo(value)
                    .flatMap(v -> v.tensorType())
                    .map(ValueType.TensorType::dims)
                    .map(List::size);
            if (declared.isPresent()) {
                return OptionalInt.of(declared.get());
            }
        }
        return outer == null ? OptionalInt.empty() : outer.rank(value);
    }
}
