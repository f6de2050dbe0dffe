package dev.nibble.graph.pass;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Removes what no graph output depends on: nodes, and constants that nothing reads.
///
/// Graph inputs stay, read or not: they are the model's interface.
public final class RemoveDeadNodes implements Pass {
    @Override
    public String name() {
        return "remove-dead-nodes";
    }

    @Override
    public String description() {
        return "remove nodes and constants that no graph output depends on";
    }

    @Override
    public PassResult apply(Model model) {
        Graph graph = model.graph();
        Set<String> needed = new HashSet<>();
        graph.outputs().forEach(o -> needed.add(o.name()));
        Set<Node> live = new HashSet<>();
        for (Node node : graph.nodes().reversed()) {
            if (node.outputs().stream().anyMatch(needed::contains)) {
                live.add(node);
                needed.addAll(node.inputs());
                node.subgraphs().forEach(g -> needed.addAll(g.captured()));
            }
        }
        List<Node> dead = graph.nodes().stream().filter(n -> !live.contains(n)).toList();
        Set<String> inputs = new HashSet<>();
        graph.inputs().stream().map(ValueInfo::name).forEach(inputs::add);
        List<String> unread = graph.initializers().stream()
                .map(Initializer::name)
                .filter(n -> !needed.contains(n))
                .filter(n -> model.irVersion() < 4 || !inputs.contains(n))
                .toList();
        if (dead.isEmpty() && unread.isEmpty()) {
            return PassResult.unchanged(model);
        }
        Findings findings = new Findings();
        dead.forEach(n -> findings.changed("removed %s: no output depends on it", n));
        if (!unread.isEmpty()) {
            findings.changed(
                    "removed %d constant%s that nothing reads, '%s' first",
                    unread.size(), unread.size() == 1 ? "" : "s", unread.getFirst());
        }
        return findings.result(model.withGraph(graph.edit(e -> {
            e.removeAll(dead);
            unread.forEach(e::removeInitializer);
        })));
    }
}
