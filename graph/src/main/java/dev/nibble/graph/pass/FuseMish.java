package dev.nibble.graph.pass;

import dev.nibble.graph.Node;
import java.util.List;
import java.util.Optional;

/// Fuses `log(exp(x) + 1)` into Softplus, and `x · tanh(Softplus(x))`
/// ([Misra](https://arxiv.org/abs/1908.08681)) into Mish (opset 18).
///
/// Softplus differs from its decomposition where exp overflows: there it is right, and the decomposition infinite.
public final class FuseMish extends Fusion {
    public FuseMish(long newestOpset) {
        super(newestOpset);
    }

    @Override
    public String name() {
        return "fuse-mish";
    }

    @Override
    public String description() {
        return "fuse log(exp(x) + 1) into Softplus, x tanh(Softplus(x)) into Mish (opset 18)";
    }

    @Override
    Match match(View view, Node node) {
        if (node.is("Log")) {
            return softplus(view, node);
        }
        if (!node.is("Mul")) {
            return NOTHING;
        }
        for (int side = 0; side < 2; side++) {
            String x = node.input(1 - side);
            Optional<Node> tanh = view.maker(node.input(side), "Tanh");
            Optional<Node> softplus = tanh.flatMap(t -> view.maker(t.input(0), "Softplus"))
                    .filter(s -> s.input(0).equals(x));
            if (softplus.isPresent()) {
                return new Match.Whole(
                        List.of(node, tanh.orElseThrow(), softplus.get()),
                        Node.of(node.name(), "Mish", List.of(x), node.outputs()),
                        18,
                        List.of());
            }
        }
        return NOTHING;
    }

    private static Match softplus(View view, Node log) {
        Optional<Node> add = view.maker(log.input(0), "Add");
        for (int side = 0; add.isPresent() && side < 2; side++) {
            Optional<Node> exp = view.maker(add.get().input(side), "Exp");
            if (exp.isPresent() && view.scalar(add.get().input(1 - side)).orElse(0) == 1) {
                return new Match.Whole(
                        List.of(log, add.get(), exp.get()),
                        Node.of(log.name(), "Softplus", List.of(exp.get().input(0)), log.outputs()),
                        1,
                        List.of());
            }
        }
        return NOTHING;
    }
}
