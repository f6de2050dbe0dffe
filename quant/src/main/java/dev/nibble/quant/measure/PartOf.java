package dev.nibble.quant.measure;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// A part of a model that was cut: what some of its values take, and only those inputs.
public final class PartOf {
    private PartOf() {}

    /// The inputs of `graph` that `values` are computed from.
    public static Set<String> inputs(Graph graph, Collection<String> values) {
        Set<String> read = new HashSet<>(values);
        Deque<String> open = new ArrayDeque<>(values);
        while (!open.isEmpty()) {
            Node maker = graph.producer(open.pop()).orElse(null);
            if (maker != null) {
                maker.inputs().stream().filter(read::add).forEach(open::push);
                maker.subgraphs()
                        .forEach(g -> g.captured().stream().filter(read::add).forEach(open::push));
            }
        }
        read.retainAll(graph.feeds().stream().map(ValueInfo::name).toList());
        return read;
    }

    /// `model` with only those inputs that `values` are computed from, and no output: `values` are to be fetched.
    public static Model computing(Model model, Collection<String> values) {
        Graph graph = model.graph();
        Set<String> needed = inputs(graph, values);
        List<ValueInfo> kept = graph.inputs().stream()
                .filter(input -> needed.contains(input.name())
                        || graph.initializer(input.name()).isPresent())
                .toList();
        return kept.size() == graph.inputs().size() ? model : model.withGraph(part(graph, kept, values));
    }

    private static Graph part(Graph graph, List<ValueInfo> inputs, Collection<String> values) {
        Set<String> wanted = new HashSet<>(values);
        Deque<String> open = new ArrayDeque<>(values);
        Set<Node> nodes = java.util.Collections.newSetFromMap(new java.util.IdentityHashMap<>());
        while (!open.isEmpty()) {
            Node maker = graph.producer(open.pop()).orElse(null);
            if (maker != null && nodes.add(maker)) {
                maker.inputs().stream().filter(wanted::add).forEach(open::push);
                maker.subgraphs()
                        .forEach(g -> g.captured().stream().filter(wanted::add).forEach(open::push));
            }
        }
        Set<String> made = new HashSet<>();
        nodes.forEach(node -> made.addAll(node.outputs()));
        return new Graph(
                graph.name(),
                graph.nodes().stream().filter(nodes::contains).toList(),
                graph.initializers(),
                graph.sparseInitializers(),
                inputs,
                graph.outputs().stream().filter(o -> made.contains(o.name())).toList(),
                graph.valueInfos().stream().filter(v -> made.contains(v.name())).toList(),
                graph.carried());
    }
}
