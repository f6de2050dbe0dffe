package dev.nibble.graph;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/// A short-lived set of changes to a graph; see [Graph#edit].
///
/// Nodes are named by the node itself, as it stood when the edit began or as it was put in since.
public final class GraphEdit {
    private final Graph before;
    private final List<Node> nodes;
    private final LinkedHashMap<String, Initializer> initializers = new LinkedHashMap<>();
    private final LinkedHashMap<String, ValueInfo> valueInfos = new LinkedHashMap<>();
    private List<ValueInfo> inputs;
    private List<ValueInfo> outputs;
    private final Set<String> fresh = new HashSet<>();

    GraphEdit(Graph before) {
        this.before = before;
        this.nodes = new ArrayList<>(before.nodes());
        before.initializers().forEach(i -> initializers.put(i.name(), i));
        before.valueInfos().forEach(v -> valueInfos.put(v.name(), v));
        this.inputs = before.inputs();
        this.outputs = before.outputs();
    }

    /// Takes `node` out.
    public GraphEdit remove(Node node) {
        nodes.remove(indexOf(node));
        return this;
    }

    /// Takes all of `removed` out.
    public GraphEdit removeAll(Collection<Node> removed) {
        Set<Node> gone = new HashSet<>(removed);
        nodes.removeIf(gone::contains);
        return this;
    }

    /// Puts `replacements` where `node` stood.
    public GraphEdit replace(Node node, Node... replacements) {
        int at = indexOf(node);
        nodes.remove(at);
        nodes.addAll(at, List.of(replacements));
        return this;
    }

    /// Adds nodes at the end; [#finish] sorts.
    public GraphEdit add(Node... added) {
        nodes.addAll(List.of(added));
        return this;
    }

    /// Adds or replaces a constant.
    public GraphEdit put(Initializer initializer) {
        initializers.put(initializer.name(), initializer);
        return this;
    }

    /// Takes a constant out, and the input of the same name that old files declare for it.
    public GraphEdit removeInitializer(String name) {
        if (initializers.remove(name) != null) {
            inputs = inputs.stream().filter(i -> !i.name().equals(name)).toList();
        }
        return this;
    }

    /// Adds or replaces the declaration of an intermediate value.
    public GraphEdit declare(ValueInfo value) {
        valueInfos.put(value.name(), value);
        return this;
    }

    public GraphEdit setInputs(List<ValueInfo> changed) {
        inputs = List.copyOf(changed);
        return this;
    }

    public GraphEdit setOutputs(List<ValueInfo> changed) {
        outputs = List.copyOf(changed);
        return this;
    }

    /// Lets every node (also inside subgraphs) that reads `from` read `to`. Graph outputs stay as they are.
    public GraphEdit replaceUses(String from, String to) {
        for (int i = 0; i < nodes.size(); i++) {
            nodes.set(i, replaceUses(nodes.get(i), from, to));
        }
        return this;
    }

    private static Node replaceUses(Node node, String from, String to) {
        Node changed = node;
        if (node.inputs().contains(from)) {
            changed = changed.withInputs(
                    node.inputs().stream().map(n -> n.equals(from) ? to : n).toList());
        }
        if (node.subgraphs().stream().anyMatch(g -> g.captured().contains(from))) {
            changed = changed.mapSubgraphs(g -> {
                if (!g.captured().contains(from)) {
                    return g;
                }
                return new Graph(
                        g.name(),
                        g.nodes().stream().map(n -> replaceUses(n, from, to)).toList(),
                        g.initializers(),
                        g.sparseInitializers(),
                        g.inputs(),
                        g.outputs().stream()
                                .map(o -> o.name().equals(from) ? o.withName(to) : o)
                                .toList(),
                        g.valueInfos(),
                        g.carried());
            });
        }
        return changed;
    }

    /// A name that nothing in the graph or in this edit has: `wanted`, or `wanted` with a number.
    public String freshName(String wanted) {
        String name = wanted;
        for (int i = 1; before.names().contains(name) || !fresh.add(name); i++) {
            name = wanted + "_" + i;
        }
        return name;
    }

    /// The nodes as they stand now, in no promised order.
    public List<Node> nodes() {
        return List.copyOf(nodes);
    }

    private int indexOf(Node node) {
        int at = nodes.indexOf(node);
        if (at < 0) {
            throw new IllegalArgumentException(node + " is not in the graph");
        }
        return at;
    }

    Graph finish() {
        List<Node> sorted = inRunningOrder(nodes);
        Set<String> existing =
                sorted.stream().flatMap(n -> n.outputs().stream()).collect(Collectors.toSet());
        Set<String> declared = outputs.stream().map(ValueInfo::name).collect(Collectors.toSet());
        inputs.forEach(i -> declared.add(i.name()));
        List<ValueInfo> kept = valueInfos.values().stream()
                .filter(v -> (existing.contains(v.name()) || initializers.containsKey(v.name()))
                        && !declared.contains(v.name()))
                .toList();
        return new Graph(
                before.name(),
                sorted,
                List.copyOf(initializers.values()),
                before.sparseInitializers(),
                inputs,
                outputs,
                kept,
                before.carried());
    }

    /// `nodes` in an order in which they can run; where the given order already is one, it stays.
    ///
    /// @throws NibbleException where nodes wait for each other in a circle (one of them is named)
    public static List<Node> inRunningOrder(List<Node> nodes) {
        Map<String, Integer> producer = new HashMap<>();
        for (int i = 0; i < nodes.size(); i++) {
            for (String output : nodes.get(i).outputs()) {
                producer.put(output, i);
            }
        }
        producer.remove("");
        int[] waiting = new int[nodes.size()];
        List<List<Integer>> followers = new ArrayList<>();
        for (int i = 0; i < nodes.size(); i++) {
            followers.add(new ArrayList<>());
        }
        for (int i = 0; i < nodes.size(); i++) {
            Set<String> reads = new HashSet<>(nodes.get(i).inputs());
            nodes.get(i).subgraphs().forEach(g -> reads.addAll(g.captured()));
            for (String read : reads) {
                Integer from = producer.get(read);
                if (from != null) {
                    followers.get(from).add(i);
                    waiting[i]++;
                }
            }
        }
        java.util.PriorityQueue<Integer> ready = new java.util.PriorityQueue<>();
        for (int i = 0; i < nodes.size(); i++) {
            if (waiting[i] == 0) {
                ready.add(i);
            }
        }
        List<Node> sorted = new ArrayList<>(nodes.size());
        while (!ready.isEmpty()) {
            int next = ready.remove();
            sorted.add(nodes.get(next));
            for (int follower : followers.get(next)) {
                if (--waiting[follower] == 0) {
                    ready.add(follower);
                }
            }
        }
        if (sorted.size() < nodes.size()) {
            for (int i = 0; i < nodes.size(); i++) {
                if (waiting[i] > 0) {
                    throw new NibbleException(
                            nodes.get(i) + " waits for its own output: the graph has a cycle",
                            "the file is damaged, or its names clash; export the model again");
                }
            }
        }
        return sorted;
    }
}
