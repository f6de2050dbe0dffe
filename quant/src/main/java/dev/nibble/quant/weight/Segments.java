package dev.nibble.quant.weight;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A graph divided at chosen values, so that it can be run piece by piece over all samples: each piece continues from
/// what the pieces before it left behind, and nothing is computed twice.
///
/// Values that are stored as 8-bit codes are left behind as codes; their DequantizeLinear runs anew in each piece.
public final class Segments {
    private Segments() {}

    /// One piece.
    ///
    /// @param nodes what it runs
    /// @param target the value it is run for
    /// @param kept what later pieces need of everything that is known after this piece, graph inputs among it
    public record Segment(List<Node> nodes, String target, Set<String> kept) {
        public Segment {
            nodes = List.copyOf(nodes);
            kept = Collections.unmodifiableSet(new LinkedHashSet<>(kept));
        }
    }

    /// The pieces of `graph`, one for each of `targets` in that order.
    ///
    /// @param codes values that hold 8-bit codes
    public static List<Segment> of(Graph graph, List<String> targets, Map<String, DataType> codes) {
        Set<Node> done = Collections.newSetFromMap(new IdentityHashMap<>());
        List<Segment> segments = new ArrayList<>();
        for (int i = 0; i < targets.size(); i++) {
            Set<Node> reached = reached(graph, List.of(targets.get(i)), done);
            List<Node> nodes = graph.nodes().stream().filter(reached::contains).toList();
            nodes.stream().filter(node -> !decodes(node, codes)).forEach(done::add);
            List<String> later = targets.subList(i + 1, targets.size());
            Set<Node> rest = reached(graph, later, done);
            Set<String> kept = new LinkedHashSet<>();
            later.stream().filter(value -> known(graph, value, done)).forEach(kept::add);
            for (Node node : graph.nodes()) {
                if (rest.contains(node)) {
                    reads(node).stream()
                            .filter(value -> known(graph, value, done))
                            .forEach(kept::add);
                }
            }
            segments.add(new Segment(nodes, targets.get(i), kept));
        }
        return segments;
    }

    private static boolean decodes(Node node, Map<String, DataType> codes) {
        return node.is("DequantizeLinear") && codes.containsKey(node.input(0));
    }

    private static boolean known(Graph graph, String value, Set<Node> done) {
        return graph.producer(value)
                .map(done::contains)
                .orElseGet(
                        () -> graph.isInput(value) && graph.initializer(value).isEmpty());
    }

    private static Set<Node> reached(Graph graph, Collection<String> values, Set<Node> done) {
        Set<Node> reached = Collections.newSetFromMap(new IdentityHashMap<>());
        Deque<String> open = new ArrayDeque<>(values);
        while (!open.isEmpty()) {
            Node node = graph.producer(open.pop()).orElse(null);
            if (node != null && !done.contains(node) && reached.add(node)) {
                open.addAll(reads(node));
            }
        }
        return reached;
    }

    private static Set<String> reads(Node node) {
        Set<String> reads = new LinkedHashSet<>(node.inputs());
        node.subgraphs().forEach(g -> reads.addAll(g.captured()));
        reads.remove("");
        return reads;
    }
}
