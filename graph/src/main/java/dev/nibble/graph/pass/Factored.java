package dev.nibble.graph.pass;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Layer normalization as TensorFlow multiplies it out: with `g = γ / √(mean(d²) + ε)`, `d = x − mean(x)`,
/// `y = x · g + (β − mean(x) · g)`.
///
/// @param norm the part that makes g's root
/// @param tail γ, β and the nodes that multiply out, the last addition first
record Factored(Normalization norm, AffineTail tail) {
    static Optional<Factored> endingAt(View view, Node add) {
        for (int side = 0; side < 2; side++) {
            Optional<Node> scaled = view.maker(add.input(side), "Mul");
            Optional<Node> shift = view.maker(add.input(1 - side), "Sub");
            Optional<Node> mean = shift.flatMap(s -> view.maker(s.input(1), "Mul"));
            Optional<Initializer> beta = shift.flatMap(s -> view.stored(s.input(0)));
            if (scaled.isPresent() && mean.isPresent() && beta.isPresent()) {
                List<Node> outer = List.of(add, scaled.get(), shift.orElseThrow(), mean.get());
                for (String factor : scaled.get().inputs()) {
                    Optional<Factored> found = mean.get().inputs().contains(factor)
                            ? byFactor(
                                    view, factor, other(scaled.get(), factor), other(mean.get(), factor), outer, beta)
                            : Optional.empty();
                    if (found.isPresent()) {
                        return found;
                    }
                }
            }
        }
        return Optional.empty();
    }

    private static String other(Node node, String input) {
        return node.input(0).equals(input) ? node.input(1) : node.input(0);
    }

    private static Optional<Factored> byFactor(
            View view, String factor, String x, String mean, List<Node> outer, Optional<Initializer> beta) {
        List<Node> nodes = new ArrayList<>(outer);
        Optional<Initializer> gamma = Optional.empty();
        String inverse = factor;
        Optional<Node> times = view.maker(factor, "Mul");
        for (int side = 0; times.isPresent() && side < 2; side++) {
            Optional<Initializer> constant = view.stored(times.get().input(side));
            if (constant.isPresent()) {
                gamma = constant;
                inverse = times.get().input(1 - side);
                nodes.add(times.get());
                break;
            }
        }
        Optional<Normalization> norm = Normalization.byFactor(view, inverse, outer.getFirst());
        boolean centered = norm.flatMap(n -> view.maker(n.centered(), "Sub"))
                .filter(d -> d.input(0).equals(x) && d.input(1).equals(mean))
                .isPresent();
        if (norm.isEmpty() || !centered) {
            return Optional.empty();
        }
        Normalization whole = norm.get();
        // The end stands among the tail's nodes already.
        Normalization inner = new Normalization(
                whole.centered(),
                whole.normalized(),
                whole.epsilon(),
                whole.axes(),
                whole.nodes().subList(1, whole.nodes().size()));
        return Optional.of(new Factored(
                inner, new AffineTail(gamma, beta, nodes, outer.getFirst().output(0))));
    }
}
