package dev.nibble.npu.work;

import dev.nibble.graph.Node;
import java.util.List;

/// What the hardware runs as one thing: a node, or several that the compiler joins.
///
/// @param name the name of the node that gives it its type
/// @param type an ONNX operator, or what a fusion rule calls the whole (`Gelu`, `Attention`)
/// @param nodes the nodes inside, in running order
/// @param inputs the values that enter, constants among them; an empty name is an optional input left out
/// @param outputs the values that leave
/// @param whole whether `type` says what the nodes are together, so that their single work does not count
public record Layer(
        String name, String type, List<Node> nodes, List<String> inputs, List<String> outputs, boolean whole) {
    public Layer {
        nodes = List.copyOf(nodes);
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        if (nodes.isEmpty() || outputs.isEmpty()) {
            throw new IllegalArgumentException("a layer has at least one node and one output");
        }
    }

    /// A layer of a single node.
    public static Layer of(Node node, List<String> inputs) {
        List<String> outputs = node.outputs().stream().filter(o -> !o.isEmpty()).toList();
        return new Layer(node.label(), node.opType(), List.of(node), inputs, outputs, false);
    }

    public boolean isAny(String... types) {
        for (String candidate : types) {
            if (type.equals(candidate)) {
                return true;
            }
        }
        return false;
    }
}
