package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/// Fuses the hard sigmoid of [MobileNetV3](https://arxiv.org/abs/1905.02244) into HardSigmoid:
///
/// - `clip(x + 3, 0, 6) / 6` → `HardSigmoid(x; α = 1/6, β = 0.5)`
/// - `clip(α · x + β, 0, 1)` → `HardSigmoid(x; α, β)`
///
/// In `x · clip(x + 3, 0, 6) / 6` the products are taken apart, and the hard sigmoid is left to [FuseHardSwish].
public final class FuseHardSigmoid extends Fusion {
    public FuseHardSigmoid(long newestOpset) {
        super(newestOpset);
    }

    @Override
    public String name() {
        return "fuse-hard-sigmoid";
    }

    @Override
    public String description() {
        return "fuse clip(x + 3, 0, 6) / 6 and clip(a x + b, 0, 1) into HardSigmoid";
    }

    @Override
    Match match(View view, Node node) {
        if (node.isAny("Mul", "Div")) {
            Product product = Product.of(view, node.output(0));
            Optional<Ramp> ramp = product.factors().size() == 1
                    ? Ramp.of(view, product.factors().getFirst())
                    : Optional.empty();
            if (ramp.isEmpty()) {
                return NOTHING;
            }
            double tolerance = ramp.get().tolerance();
            if (!View.near(ramp.get().max() * product.coefficient(), 1, tolerance)) {
                return new Match.NearMiss("it looks like a hard sigmoid, but reaches up to %s instead of 1"
                        .formatted(ramp.get().max() * product.coefficient()));
            }
            List<Node> nodes = new ArrayList<>(product.nodes());
            nodes.addAll(ramp.get().nodes());
            return whole(node, ramp.get(), product.coefficient(), nodes);
        }
        Optional<Ramp> ramp = node.is("Clip") ? Ramp.of(view, node.output(0)) : Optional.empty();
        return ramp.isPresent() && View.near(ramp.get().max(), 1, ramp.get().tolerance())
                ? whole(node, ramp.get(), 1, ramp.get().nodes())
                : NOTHING;
    }

    private static Match whole(Node end, Ramp ramp, double coefficient, List<Node> nodes) {
        return new Match.Whole(
                nodes,
                Node.of(
                        end.name(),
                        "HardSigmoid",
                        List.of(ramp.x()),
                        List.of(end.output(0)),
                        Attribute.of("alpha", (float) (ramp.slope() * coefficient)),
                        Attribute.of("beta", (float) (ramp.offset() * coefficient))),
                6,
                List.of());
    }

    /// `clip(slope · x + offset, 0, max)`, with offset other than 0.
    record Ramp(String x, double slope, double offset, double max, List<Node> nodes, double tolerance) {
        /// The ramp that makes `value`, if one does.
        static Optional<Ramp> of(View view, String value) {
            Optional<Node> clip = view.maker(value, "Clip");
            if (clip.isEmpty() || view.model.opset() < 11) {
                return Optional.empty();
            }
            OptionalDouble min = view.scalar(clip.get().input(1));
            OptionalDouble max = view.scalar(clip.get().input(2));
            Optional<Node> add = view.maker(clip.get().input(0), "Add");
            if (add.isEmpty() || max.isEmpty() || min.isEmpty() || min.getAsDouble() != 0) {
                return Optional.empty();
            }
            for (int side = 0; side < 2; side++) {
                OptionalDouble offset = view.scalar(add.get().input(1 - side));
                if (offset.isPresent()) {
                    Product line = Product.of(view, add.get().input(side));
                    boolean linear = line.factors().size() == 1;
                    List<Node> nodes = new ArrayList<>(List.of(clip.get(), add.get()));
                    nodes.addAll(linear ? line.nodes() : List.of());
                    return Optional.of(new Ramp(
                            linear ? line.factors().getFirst() : add.get().input(side),
                            linear ? line.coefficient() : 1,
                            offset.getAsDouble(),
                            max.getAsDouble(),
                            nodes,
                            view.tolerance(add.get().input(1 - side))));
                }
            }
            return Optional.empty();
        }
    }
}
