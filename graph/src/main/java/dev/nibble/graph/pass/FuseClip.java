package dev.nibble.graph.pass;

import dev.nibble.graph.Node;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/// Fuses `min(max(x, a), b)` and `max(min(x, b), a)` with scalar constants `a ≤ b` into `Clip(x, a, b)`, and
/// `max(x, 0)` into Relu.
public final class FuseClip extends Fusion {
    public FuseClip(long newestOpset) {
        super(newestOpset);
    }

    @Override
    public String name() {
        return "fuse-clip";
    }

    @Override
    public String description() {
        return "fuse Min and Max with constants into Clip, Max with 0 into Relu";
    }

    /// A two-input Min or Max: the value and its bound.
    private record Bound(String x, String constant, double number) {
        static Optional<Bound> of(View view, Node node) {
            if (node.inputs().size() != 2) {
                return Optional.empty();
            }
            for (int side = 0; side < 2; side++) {
                OptionalDouble number = view.scalar(node.input(1 - side));
                // Clip takes scalars only.
                boolean scalar = view.stored(node.input(1 - side))
                        .filter(i -> i.shape().rank() == 0)
                        .isPresent();
                if (number.isPresent()
                        && scalar
                        && view.constant(node.input(side)).isEmpty()) {
                    return Optional.of(new Bound(node.input(side), node.input(1 - side), number.getAsDouble()));
                }
            }
            return Optional.empty();
        }
    }

    @Override
    Match match(View view, Node node) {
        if (!node.isAny("Min", "Max") || view.model.opset() < 11) {
            return NOTHING;
        }
        boolean minLast = node.is("Min");
        Optional<Bound> last = Bound.of(view, node);
        if (last.isEmpty()) {
            return NOTHING;
        }
        Optional<Node> inner =
                view.maker(last.get().x(), minLast ? "Max" : "Min").filter(n -> view.onlyReadBy(n.output(0), node));
        Optional<Bound> first = inner.flatMap(n -> Bound.of(view, n));
        if (first.isEmpty()) {
            boolean continues = view.graph.consumers(node.output(0)).stream().anyMatch(n -> n.is("Min"));
            return !minLast && last.get().number() == 0 && !continues
                    ? new Match.Whole(
                            List.of(node),
                            Node.of(node.name(), "Relu", List.of(last.get().x()), node.outputs()),
                            6,
                            List.of())
                    : NOTHING;
        }
        Bound low = minLast ? first.get() : last.get();
        Bound high = minLast ? last.get() : first.get();
        if (low.number() > high.number()) {
            return new Match.NearMiss(
                    "its lower bound %s lies above its upper bound %s".formatted(low.number(), high.number()));
        }
        return new Match.Whole(
                List.of(node, inner.orElseThrow()),
                Node.of(node.name(), "Clip", List.of(first.get().x(), low.constant(), high.constant()), node.outputs()),
                11,
                List.of());
    }
}
