package dev.nibble.graph.check;

import dev.nibble.graph.Graph;
import dev.nibble.graph.GraphEdit;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/// ONNX wants each node after those whose outputs it reads; some files do not keep to that.
public final class RunningOrder {
    private RunningOrder() {}

    /// A model in order, and a warning for each graph that was not.
    public record Sorted(Model model, List<Problem> said) {
        public Sorted {
            said = List.copyOf(said);
        }
    }

    /// `model` with the nodes of each graph, subgraph and function in an order in which they can run. Where they
    /// already are, the model itself is given back.
    ///
    /// @throws NibbleException where nodes wait for each other; they are named
    public static Sorted sort(Model model) {
        List<Problem> said = new ArrayList<>();
        Graph graph = sort(model.graph(), said);
        List<Model.Function> functions = new ArrayList<>();
        for (Model.Function f : model.functions()) {
            List<Node> nodes = sort(f.nodes(), "function '" + f.name() + "'", said);
            functions.add(
                    nodes == f.nodes()
                            ? f
                            : new Model.Function(
                                    f.name(), f.domain(), f.inputs(), f.outputs(), nodes, f.opsets(), f.carried()));
        }
        Model sorted = said.isEmpty()
                ? model
                : new Model(
                        model.irVersion(),
                        model.producerName(),
                        model.producerVersion(),
                        model.opsets(),
                        graph,
                        functions,
                        model.carried());
        return new Sorted(sorted, said);
    }

    private static Graph sort(Graph graph, List<Problem> said) {
        List<Node> nodes = sort(graph.nodes(), "graph '" + graph.name() + "'", said);
        return nodes == graph.nodes() ? graph : graph.withNodes(nodes);
    }

    private static List<Node> sort(List<Node> nodes, String where, List<Problem> said) {
        int before = said.size();
        List<Node> inside = new ArrayList<>();
        for (Node node : nodes) {
            inside.add(node.subgraphs().isEmpty() ? node : node.mapSubgraphs(g -> sort(g, said)));
        }
        boolean changedInside = said.size() > before;
        Optional<Node> early = firstTooEarly(inside);
        if (early.isEmpty()) {
            return changedInside ? inside : nodes;
        }
        List<Node> circle = circle(inside);
        if (!circle.isEmpty()) {
            throw new NibbleException(
                    "%s has a cycle: %s".formatted(where, shown(circle)),
                    "the file is damaged, or its names clash; export the model again");
        }
        said.add(Problem.warning(
                where,
                early.get() + " stood before a node whose output it reads; the nodes were put in order",
                "nothing to do; the exporter should have sorted them"));
        return GraphEdit.inRunningOrder(inside);
    }

    /// The first node that reads what a later one makes.
    static Optional<Node> firstTooEarly(List<Node> nodes) {
        Map<String, Integer> producer = producers(nodes);
        for (int i = 0; i < nodes.size(); i++) {
            for (String read : reads(nodes.get(i))) {
                if (producer.getOrDefault(read, -1) >= i) {
                    return Optional.of(nodes.get(i));
                }
            }
        }
        return Optional.empty();
    }

    /// Nodes of one cycle, each reading an output of the one before, from the one that stands first in `nodes`;
    /// empty where there is none.
    static List<Node> circle(List<Node> nodes) {
        Map<String, Integer> producer = producers(nodes);
        List<Set<Integer>> sources = new ArrayList<>();
        int[] unmade = new int[nodes.size()];
        List<List<Integer>> readers = new ArrayList<>();
        nodes.forEach(n -> readers.add(new ArrayList<>()));
        for (int i = 0; i < nodes.size(); i++) {
            Set<Integer> from = new LinkedHashSet<>();
            for (String read : reads(nodes.get(i))) {
                Integer source = producer.get(read);
                if (source != null && from.add(source)) {
                    readers.get(source).add(i);
                }
            }
            sources.add(from);
            unmade[i] = from.size();
        }
        Deque<Integer> ready = new ArrayDeque<>();
        for (int i = 0; i < unmade.length; i++) {
            if (unmade[i] == 0) {
                ready.add(i);
            }
        }
        int run = 0;
        while (!ready.isEmpty()) {
            run++;
            for (int reader : readers.get(ready.remove())) {
                if (--unmade[reader] == 0) {
                    ready.add(reader);
                }
            }
        }
        if (run == nodes.size()) {
            return List.of();
        }
        // Every node left waits for another that is left: walking up must come back to where it has been.
        int at = 0;
        while (unmade[at] == 0) {
            at++;
        }
        List<Integer> path = new ArrayList<>();
        Map<Integer, Integer> seen = new HashMap<>();
        while (!seen.containsKey(at)) {
            seen.put(at, path.size());
            path.add(at);
            int here = at;
            at = sources.get(here).stream()
                    .filter(s -> unmade[s] > 0)
                    .findFirst()
                    .orElseThrow(() -> new IllegalStateException("a node waits for nobody"));
        }
        List<Integer> circle =
                new ArrayList<>(path.subList(seen.get(at), path.size()).reversed());
        Collections.rotate(circle, -circle.indexOf(Collections.min(circle)));
        return circle.stream().map(nodes::get).toList();
    }

    /// `node 'a' (Add) → node 'b' (Relu) → node 'a' (Add)`, shortened where it is long.
    static String shown(List<Node> circle) {
        List<String> names =
                circle.stream().limit(6).map(Node::toString).collect(Collectors.toCollection(ArrayList::new));
        if (circle.size() > 6) {
            names.add("… " + (circle.size() - 6) + " more");
        }
        names.add(circle.getFirst().toString());
        return String.join(" → ", names);
    }

    private static Map<String, Integer> producers(List<Node> nodes) {
        Map<String, Integer> producer = new HashMap<>();
        for (int i = 0; i < nodes.size(); i++) {
            for (String output : nodes.get(i).outputs()) {
                producer.put(output, i);
            }
        }
        producer.remove("");
        return producer;
    }

    static Set<String> reads(Node node) {
        Set<String> reads = new HashSet<>(node.inputs());
        node.subgraphs().forEach(g -> reads.addAll(g.captured()));
        return reads;
    }
}
