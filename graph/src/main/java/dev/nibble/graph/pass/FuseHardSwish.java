package dev.nibble.graph.pass;

import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Fuses the hard swish of [MobileNetV3](https://arxiv.org/abs/1905.02244) into HardSwish (opset 14):
/// `x · HardSigmoid(x; 1/6, 0.5)` and `x · clip(x + 3, 0, 6) / 6`, in any order of multiplication.
public final class FuseHardSwish extends Fusion {
    public FuseHardSwish(long newestOpset) {
        super(newestOpset);
    }

    @Override
    public String name() {
        return "fuse-hard-swish";
    }

    @Override
    public String description() {
        return "fuse x HardSigmoid(x) and x clip(x + 3, 0, 6) / 6 into HardSwish (opset 14)";
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
            String gate = product.factors().get(side);
            Optional<Node> sigmoid =
                    view.maker(gate, "HardSigmoid").filter(n -> n.input(0).equals(x));
            Optional<FuseHardSigmoid.Ramp> ramp =
                    FuseHardSigmoid.Ramp.of(view, gate).filter(r -> r.x().equals(x));
            if (sigmoid.isEmpty() && ramp.isEmpty()) {
                continue;
            }
            double scale = product.coefficient();
            double slope = scale
                    * sigmoid.map(n -> (double) n.floatAttribute("alpha", 0.2f))
                            .orElseGet(() -> ramp.orElseThrow().slope());
            double offset = scale
                    * sigmoid.map(n -> (double) n.floatAttribute("beta", 0.5f))
                            .orElseGet(() -> ramp.orElseThrow().offset());
            double max = scale * ramp.map(FuseHardSigmoid.Ramp::max).orElse(1.0);
            double tolerance = ramp.map(FuseHardSigmoid.Ramp::tolerance).orElse(View.CONSTANT_TOLERANCE);
            if (!View.near(slope, 1.0 / 6, tolerance)
                    || !View.near(offset, 0.5, tolerance)
                    || !View.near(max, 1, tolerance)) {
                return new Match.NearMiss(
                        "it looks like hard swish, but its gate is %.5g x + %.5g up to %.5g instead of x / 6 + 0.5 up to 1"
                                .formatted(slope, offset, max));
            }
            List<Node> nodes = new ArrayList<>(product.nodes());
            sigmoid.ifPresent(nodes::add);
            ramp.ifPresent(r -> nodes.addAll(r.nodes()));
            return new Match.Whole(
                    nodes, Node.of(node.name(), "HardSwish", List.of(x), List.of(node.output(0))), 14, List.of());
        }
        return NOTHING;
    }
}
