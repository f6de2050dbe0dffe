package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Fuses GELU ([Hendrycks and Gimpel](https://arxiv.org/abs/1606.08415)) into ONNX's Gelu (opset 20), in any order of
/// multiplication:
///
/// - exact: `x · 0.5 · (1 + erf(x / √2))`
/// - tanh: `x · 0.5 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))`, also with x factored out of the argument
public final class FuseGelu extends Fusion {
    private static final double CUBIC = 0.044715;

    public FuseGelu(long newestOpset) {
        super(newestOpset);
    }

    @Override
    public String name() {
        return "fuse-gelu";
    }

    @Override
    public String description() {
        return "fuse decomposed GELU, exact or by tanh, into Gelu (opset 20)";
    }

    @Override
    Match match(View view, Node node) {
        if (!node.isAny("Mul", "Div")) {
            return NOTHING;
        }
        Product product = Product.of(view, node.output(0));
        if (product.factors().size() != 2) {
            return NOTHING;
        }
        for (int side = 0; side < 2; side++) {
            String x = product.factors().get(1 - side);
            Optional<Node> add = view.maker(product.factors().get(side), "Add");
            Optional<Curve> curve = add.flatMap(a -> curve(view, a));
            if (curve.isEmpty()) {
                continue;
            }
            double tolerance = curve.get().tolerance();
            String reason = mismatch(view, x, product, curve.get());
            if (!reason.isEmpty()) {
                return new Match.NearMiss(reason);
            }
            List<Node> nodes = new ArrayList<>(product.nodes());
            nodes.add(add.get());
            nodes.addAll(curve.get().nodes());
            if (!product.scaledBy(0.5, tolerance)) {
                return new Match.NearMiss(
                        "it looks like GELU, but is scaled by %s instead of 0.5".formatted(product.coefficient()));
            }
            Node whole = curve.get().exact()
                    ? Node.of(node.name(), "Gelu", List.of(x), List.of(node.output(0)))
                    : Node.of(
                            node.name(),
                            "Gelu",
                            List.of(x),
                            List.of(node.output(0)),
                            Attribute.of("approximate", "tanh"));
            return new Match.Whole(nodes, whole, 20, List.of());
        }
        return NOTHING;
    }

    /// `erf(argument)` or `tanh(argument)`, to which 1 is added.
    ///
    /// @param nodes the function and what makes its argument, as far as it belongs to the pattern
    private record Curve(boolean exact, Product argument, List<Node> nodes, double tolerance) {}

    private static Optional<Curve> curve(View view, Node add) {
        for (int side = 0; side < 2; side++) {
            Optional<Node> function = view.maker(add.input(side), "Erf", "Tanh");
            if (function.isPresent() && view.is(add.input(1 - side), 1)) {
                Product argument = Product.of(view, function.get().input(0));
                List<Node> nodes = new ArrayList<>();
                nodes.add(function.get());
                nodes.addAll(argument.nodes());
                return Optional.of(
                        new Curve(function.get().is("Erf"), argument, nodes, view.tolerance(add.input(1 - side))));
            }
        }
        return Optional.empty();
    }

    /// Why the curve's argument is not GELU's; empty where it is. Adds the nodes of the cubic term to the curve's.
    private static String mismatch(View view, String x, Product product, Curve curve) {
        double tolerance = curve.tolerance();
        Product argument = curve.argument();
        if (curve.exact()) {
            if (!argument.isPower(x, 1)) {
                return "it looks like GELU, but erf is not of the factor '%s'".formatted(x);
            }
            return argument.scaledBy(Math.sqrt(0.5), tolerance)
                    ? ""
                    : "it looks like GELU, but erf is of %s x instead of x / √2".formatted(argument.coefficient());
        }
        if (!argument.scaledBy(Math.sqrt(2 / Math.PI), tolerance)) {
            return "it looks like GELU by tanh, but its argument is scaled by %s instead of √(2/π)"
                    .formatted(argument.coefficient());
        }
        // √(2/π) · (x + 0.044715 x³), or √(2/π) · x · (1 + 0.044715 x²).
        boolean factored = argument.factors().size() == 2 && argument.factors().contains(x);
        if (argument.factors().size() != (factored ? 2 : 1)) {
            return "it looks like GELU by tanh, but its argument is no cubic of '%s'".formatted(x);
        }
        String sum = argument.factors().stream()
                .filter(f -> !factored || !f.equals(x))
                .findFirst()
                .orElse("");
        Optional<Node> add = view.maker(sum, "Add");
        if (add.isPresent()) {
            for (int side = 0; side < 2; side++) {
                String first = add.get().input(side);
                boolean linear = factored ? view.is(first, 1) : first.equals(x);
                Product cubic = Product.of(view, add.get().input(1 - side));
                if (linear && cubic.isPower(x, factored ? 2 : 3)) {
                    if (!cubic.scaledBy(CUBIC, tolerance)) {
                        return "it looks like GELU by tanh, but its cubic term has %s instead of 0.044715"
                                .formatted(cubic.coefficient());
                    }
                    curve.nodes().add(add.get());
                    curve.nodes().addAll(cubic.nodes());
                    return "";
                }
            }
        }
        return "it looks like GELU by tanh, but its argument is no cubic of '%s'".formatted(x);
    }
}
