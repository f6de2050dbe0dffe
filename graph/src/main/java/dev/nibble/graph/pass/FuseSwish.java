package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Fuses SiLU, `x · sigmoid(α · x)` ([Elfwing et al.](https://arxiv.org/abs/1702.03118); α = 1.702 is the quick
/// GELU), into Swish where the model may use opset 24, and otherwise says where it stands: older operator sets have no
/// whole operator for it, and runtimes recognise the pair.
public final class FuseSwish extends Fusion {
    public FuseSwish(long newestOpset) {
        super(newestOpset);
    }

    @Override
    public String name() {
        return "fuse-swish";
    }

    @Override
    public String description() {
        return "fuse x sigmoid(x), SiLU, into Swish where opset 24 is allowed; otherwise it is reported and kept";
    }

    @Override
    Match match(View view, Node node) {
        if (!node.is("Mul")) {
            return NOTHING;
        }
        for (int side = 0; side < 2; side++) {
            String x = node.input(1 - side);
            Optional<Node> sigmoid = view.maker(node.input(side), "Sigmoid");
            if (sigmoid.isEmpty()) {
                continue;
            }
            Product argument = Product.of(view, sigmoid.get().input(0));
            boolean direct = sigmoid.get().input(0).equals(x);
            if (direct || argument.isPower(x, 1)) {
                List<Node> nodes = new ArrayList<>(List.of(node, sigmoid.get()));
                nodes.addAll(direct ? List.of() : argument.nodes());
                float alpha = direct ? 1 : (float) argument.coefficient();
                return new Match.Whole(
                        nodes,
                        Node.of(node.name(), "Swish", List.of(x), node.outputs(), Attribute.of("alpha", alpha)),
                        24,
                        List.of());
            }
        }
        return NOTHING;
    }
}
