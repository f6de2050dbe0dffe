package dev.nibble.quant.place;

import dev.nibble.graph.Graph;
import dev.nibble.graph.GraphEdit;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// Gives every constant one way of being quantized: `Constant` nodes become initializers, and a constant that
/// is used in different roles (a bias of two convolutions, an embedding that is also a weight) gets a name
/// for each.
final class SplitConstants {
    private SplitConstants() {}

    /// A place where a constant is used, and how: uses of equal `kind` may share a name.
    record Use(Node node, int input, Object kind) {}

    /// @param renamed new name to old
    record Result(Graph graph, SortedMap<String, String> renamed) {}

    /// `graph` without `Constant` nodes, where they can be initializers.
    static Graph lift(Graph graph) {
        List<Node> constants = graph.nodes().stream()
                .filter(n -> n.is("Constant")
                        && !graph.isOutput(n.output(0))
                        && graph.constant(n.output(0)).isPresent())
                .toList();
        if (constants.isEmpty()) {
            return graph;
        }
        return graph.edit(edit -> {
            edit.removeAll(constants);
            for (Node node : constants) {
                edit.put(graph.constant(node.output(0)).orElseThrow());
            }
        });
    }

    static Result split(Graph graph, List<Use> uses) {
        Map<String, Map<Object, List<Use>>> byConstant = new LinkedHashMap<>();
        for (Use use : uses) {
            byConstant
                    .computeIfAbsent(use.node().input(use.input()), k -> new LinkedHashMap<>())
                    .computeIfAbsent(use.kind(), k -> new ArrayList<>())
                    .add(use);
        }
        SortedMap<String, String> renamed = new TreeMap<>();
        if (byConstant.values().stream().allMatch(kinds -> kinds.size() < 2)) {
            return new Result(graph, renamed);
        }
        Graph changed = graph.edit(edit -> {
            Map<Node, Node> rewired = new HashMap<>();
            byConstant.forEach((name, kinds) -> {
                boolean first = true;
                for (List<Use> same : kinds.values()) {
                    if (first) {
                        first = false;
                        continue;
                    }
                    Initializer constant = graph.constant(name).orElseThrow();
                    String other = edit.freshName(name + "_split");
                    edit.put(constant.withName(other));
                    renamed.put(other, name);
                    for (Use use : same) {
                        Node now = rewired.getOrDefault(use.node(), use.node());
                        rewired.put(use.node(), now.withInput(use.input(), other));
                    }
                }
            });
            replaceAll(edit, rewired);
        });
        return new Result(changed, renamed);
    }

    private static void replaceAll(GraphEdit edit, Map<Node, Node> rewired) {
        for (Node node : edit.nodes()) {
            Node now = rewired.get(node);
            if (now != null) {
                edit.replace(node, now);
            }
        }
    }
}
