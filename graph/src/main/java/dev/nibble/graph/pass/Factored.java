package dev.nibble.graph.pass;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Layer normalization as TensorFlow multiplies it out: with `g = γ / √(mean(d²) + ε)`, `d = x − mean(x)`,
/// `y = x · g + (β − mean(x) · g)`, or `x · g + (β + −mean(x) · g)` as Keras does.
///
/// @param norm the part that makes g's root
/// @param tail γ, β and the nodes that multiply out, the last addition first
record Factored(Normalization norm, AffineTail tail) {
    /// `β − mean(x) · g`.
    ///
    /// @param product `mean(x) · g`, where the mean may be negated
    private record Shift(Initializer beta, Node product, Optional<Node> neg, List<Node> nodes) {
        static Optional<Shift> of(View view, String value) {
            Optional<Node> sub = view.maker(value, "Sub");
            if (sub.isPresent()) {
                Optional<Node> product = view.maker(sub.get().input(1), "Mul");
                Optional<Initializer> beta = view.stored(sub.get().input(0));
                return product.isPresent() && beta.isPresent()
                        ? Optional.of(new Shift(
                                beta.get(), product.get(), Optional.empty(), List.of(sub.get(), product.get())))
                        : Optional.empty();
            }
            Optional<Node> add = view.maker(value, "Add");
            for (int side = 0; add.isPresent() && side < 2; side++) {
                Optional<Node> product = view.maker(add.get().input(side), "Mul");
                Optional<Initializer> beta = view.stored(add.get().input(1 - side));
                Optional<Node> neg = product.flatMap(p -> p.inputs().stream()
                        .flatMap(input -> view.maker(input, "Neg").stream())
                        .findFirst());
                if (beta.isPresent() && neg.isPresent()) {
                    return Optional.of(
                            new Shift(beta.get(), product.get(), neg, List.of(add.get(), product.get(), neg.get())));
                }
            }
            return Optional.empty();
        }

        /// What is multiplied by `factor`, the sign left out.
        String mean(String factor) {
            return neg.map(n -> n.input(0)).orElseGet(() -> other(product, factor));
        }

        boolean hasFactor(String factor) {
            return neg.isEmpty()
                    ? product.inputs().contains(factor)
                    : other(product, neg.get().output(0)).equals(factor);
        }
    }

    static Optional<Factored> endingAt(View view, Node add) {
        for (int side = 0; side < 2; side++) {
            Optional<Node> scaled = view.maker(add.input(side), "Mul");
            Optional<Shift> shift = Shift.of(view, add.input(1 - side));
            if (scaled.isPresent() && shift.isPresent()) {
                List<Node> outer = new ArrayList<>(List.of(add, scaled.get()));
                outer.addAll(shift.get().nodes());
                for (String factor : scaled.get().inputs()) {
                    Optional<Factored> found = shift.get().hasFactor(factor)
                            ? byFactor(
                                    view,
                                    factor,
                                    other(scaled.get(), factor),
                                    shift.get().mean(factor),
                                    outer,
                                    Optional.of(shift.get().beta()))
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
                whole.nodes().subList(1, whole.nodes().size()),
                Optional.empty());
        return Optional.of(new Factored(
                inner, new AffineTail(gamma, beta, nodes, outer.getFirst().output(0))));
    }
}
