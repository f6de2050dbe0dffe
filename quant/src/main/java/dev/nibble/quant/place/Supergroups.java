package dev.nibble.quant.place;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Nearest;
import dev.nibble.graph.Node;
import dev.nibble.target.PlacementRules;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/// Finds the chains of operators that a target runs as one, so that no quantizer belongs inside.
final class Supergroups {
    private final Graph graph;
    private final PlacementRules rules;
    private final List<Overrides.Fusion> fusions;

    Supergroups(Graph graph, PlacementRules rules, Overrides overrides) {
        this.graph = graph;
        this.rules = rules;
        this.fusions = overrides.fusions();
    }

    /// The chains, each from head to tail; the tail of one may be the head of another.
    List<List<Node>> find() {
        List<List<String>> patterns = new ArrayList<>(rules.supergroups());
        for (Overrides.Fusion fusion : fusions) {
            patterns.remove(fusion.operators());
            if (fusion.fuse()) {
                patterns.add(fusion.operators());
            }
        }
        patterns.sort(Comparator.comparingInt((List<String> p) -> p.size()).reversed());
        List<List<Node>> found = new ArrayList<>();
        Set<String> inner = new HashSet<>();
        for (Node head : graph.nodes()) {
            if (rules.supergroupPasses().contains("MatmulAdd")) {
                matmulAdd(head).ifPresent(chain -> {
                    found.add(chain);
                    inner.add(head.output(0));
                });
            }
            for (List<String> pattern : patterns) {
                Optional<List<Node>> chain = match(head, pattern);
                if (chain.isPresent()
                        && chain.get().stream()
                                .limit(pattern.size() - 1L)
                                .noneMatch(n -> inner.contains(n.output(0)))) {
                    chain.get().stream().limit(pattern.size() - 1L).forEach(n -> inner.add(n.output(0)));
                    found.add(chain.get());
                    break;
                }
            }
        }
        return found;
    }

    /// The chains of the overrides that are nowhere in the graph, or, where they are to be taken apart, not in the rules.
    List<Finding> unmatched() {
        Set<String> types = new TreeSet<>();
        graph.nodes().forEach(node -> types.add(node.opType()));
        List<Finding> unmatched = new ArrayList<>();
        for (Overrides.Fusion fusion : fusions) {
            String chain = String.join(", ", fusion.operators());
            if (!fusion.fuse() && !rules.supergroups().contains(fusion.operators())) {
                unmatched.add(new Finding(
                        "Q114",
                        Finding.Severity.WARNING,
                        "the overrides take the supergroup %s apart, which the rules of %s do not have"
                                .formatted(chain, rules.name()),
                        "leave it out"));
            } else if (graph.nodes().stream()
                    .noneMatch(node -> match(node, fusion.operators()).isPresent())) {
                Optional<String> missing = fusion.operators().stream()
                        .filter(op -> !types.contains(op))
                        .findFirst();
                unmatched.add(new Finding(
                        "Q114",
                        Finding.Severity.WARNING,
                        "the overrides' supergroup %s changes nothing: the model has no such chain%s"
                                .formatted(
                                        chain,
                                        missing.map(op -> ", and no " + op).orElse("")),
                        missing.map(op -> Nearest.didYouMean(op, types, "leave it out"))
                                .orElse("leave it out; between its operators nothing else may read the value")));
            }
        }
        return unmatched;
    }

    private Optional<List<Node>> match(Node head, List<String> pattern) {
        if (!head.is(pattern.getFirst()) || !rules.extensions().depthwiseSupergroups() && isDepthwiseOr3d(head)) {
            return Optional.empty();
        }
        List<Node> chain = new ArrayList<>();
        chain.add(head);
        for (String op : pattern.subList(1, pattern.size())) {
            Optional<Node> next = onlyConsumer(chain.getLast());
            if (next.isEmpty() || !next.get().is(op)) {
                return Optional.empty();
            }
            chain.add(next.get());
        }
        return Optional.of(chain);
    }

    /// MatMul with a constant matrix, then Add with a constant vector: a fully connected layer and its
    /// bias.
    private Optional<List<Node>> matmulAdd(Node head) {
        if (!head.is("MatMul") || graph.constant(head.input(1)).isEmpty()) {
            return Optional.empty();
        }
        return onlyConsumer(head)
                .filter(add -> add.is("Add"))
                .filter(add -> {
                    String other = add.input(0).equals(head.output(0)) ? add.input(1) : add.input(0);
                    return graph.constant(other)
                            .map(Initializer::shape)
                            .filter(s -> s.rank() == 1)
                            .isPresent();
                })
                .map(add -> List.of(head, add));
    }

    private Optional<Node> onlyConsumer(Node node) {
        String value = node.output(0);
        if (node.outputs().size() != 1 || graph.isOutput(value)) {
            return Optional.empty();
        }
        List<Node> consumers = graph.consumers(value);
        return consumers.size() == 1
                        && consumers.getFirst().subgraphs().isEmpty()
                        && consumers.getFirst().inputs().stream()
                                        .filter(value::equals)
                                        .count()
                                == 1
                ? Optional.of(consumers.getFirst())
                : Optional.empty();
    }

    private boolean isDepthwiseOr3d(Node node) {
        if (!node.isAny("Conv", "ConvTranspose")) {
            return false;
        }
        return graph.shape(node.input(1))
                .map(s -> s.rank() == 5 || node.intAttribute("group", 1) > 1 && s.dim(node.is("Conv") ? 1 : 0) == 1)
                .orElse(false);
    }
}
