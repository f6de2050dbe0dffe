package dev.nibble.graph.pass;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/// A value as a product: `coefficient · factor₁ · factor₂ · …`, whatever the order in which an exporter multiplied.
///
/// Mul, division by a constant, Pow with a small whole exponent, and Neg are multiplied out as far as the values in
/// between are read by nothing else.
///
/// @param factors value names, in order of appearance; a power appears as often as its exponent says
/// @param nodes the nodes multiplied out, the last one first
record Product(double coefficient, List<String> factors, List<Node> nodes) {
    Product {
        factors = List.copyOf(factors);
        nodes = List.copyOf(nodes);
    }

    /// The product that makes `value`; one factor, itself, where nothing multiplies.
    static Product of(View view, String value) {
        List<String> factors = new ArrayList<>();
        List<Node> nodes = new ArrayList<>();
        double coefficient = expand(view, value, true, factors, nodes);
        return new Product(coefficient, factors, nodes);
    }

    private static double expand(View view, String value, boolean root, List<String> factors, List<Node> nodes) {
        OptionalDouble constant = view.scalar(value);
        if (constant.isPresent()) {
            return constant.getAsDouble();
        }
        Graph graph = view.graph;
        Node node = graph.producer(value).orElse(null);
        boolean inner = root || !graph.isOutput(value) && reads(graph, value) == 1;
        if (node == null || !inner || !node.isStandard()) {
            factors.add(value);
            return 1;
        }
        OptionalDouble right = view.scalar(node.input(1));
        switch (node.opType()) {
            case "Mul" -> {
                nodes.add(node);
                return expand(view, node.input(0), false, factors, nodes)
                        * expand(view, node.input(1), false, factors, nodes);
            }
            case "Neg" -> {
                nodes.add(node);
                return -expand(view, node.input(0), false, factors, nodes);
            }
            case "Div" -> {
                if (right.isPresent()) {
                    nodes.add(node);
                    return expand(view, node.input(0), false, factors, nodes) / right.getAsDouble();
                }
            }
            case "Pow" -> {
                double exponent = view.number(node.input(1)).orElse(0);
                if (exponent == 2 || exponent == 3) {
                    nodes.add(node);
                    for (int i = 0; i < (int) exponent; i++) {
                        factors.add(node.input(0));
                    }
                    return 1;
                }
            }
            default -> {}
        }
        factors.add(value);
        return 1;
    }

    /// How often `value` is read, a node that reads it twice counting twice.
    private static long reads(Graph graph, String value) {
        return graph.consumers(value).stream()
                .mapToLong(n ->
                        Math.max(1, n.inputs().stream().filter(value::equals).count()))
                .sum();
    }

    /// Whether the coefficient is `wanted`, within `tolerance`.
    boolean scaledBy(double wanted, double tolerance) {
        return View.near(coefficient, wanted, tolerance);
    }

    /// Whether this is `coefficient · value^times`.
    boolean isPower(String value, int times) {
        return factors.size() == times && factors.stream().allMatch(value::equals);
    }
}
