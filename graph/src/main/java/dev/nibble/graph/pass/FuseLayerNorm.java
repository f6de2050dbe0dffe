package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Fuses layer normalization ([Ba et al.](https://arxiv.org/abs/1607.06450)) into LayerNormalization (opset 17):
/// `d = x − mean(x)`, `y = d / √(mean(d²) + ε) · γ + β`, over the last axes, with γ and β constant or left out.
///
/// PyTorch and optimum spell it in different ways, see [Normalization]; TensorFlow multiplies it out, see [Factored].
public final class FuseLayerNorm extends Fusion {
    public FuseLayerNorm(long newestOpset) {
        super(newestOpset);
    }

    @Override
    public String name() {
        return "fuse-layer-norm";
    }

    @Override
    public String description() {
        return "fuse decomposed layer normalization into LayerNormalization (opset 17)";
    }

    @Override
    Match match(View view, Node node) {
        Optional<Factored> factored = node.is("Add") ? Factored.endingAt(view, node) : Optional.empty();
        Optional<Normalization> found =
                factored.isPresent() ? factored.map(Factored::norm) : Normalization.endingAt(view, node);
        Optional<Node> sub = found.flatMap(n -> view.maker(n.centered(), "Sub"));
        if (found.isEmpty() || sub.isEmpty()) {
            return NOTHING;
        }
        Optional<Node> mean = Normalization.mean(view, sub.get().input(1));
        String x = sub.get().input(0);
        if (mean.isEmpty() || !mean.get().input(0).equals(x)) {
            return NOTHING;
        }
        Normalization norm = found.get();
        Optional<long[]> axes = Normalization.meanAxes(view, mean.get());
        if (axes.isEmpty() || !Arrays.equals(axes.get(), norm.axes())) {
            return new Match.NearMiss(
                    "it ends a normalization, but the mean and the mean square are taken over different axes");
        }
        if (!(Normalization.extent(norm.axes(), view.rank(x)) instanceof Normalization.Extent.Last(int count))) {
            Normalization.Extent extent = Normalization.extent(norm.axes(), view.rank(x));
            return new Match.NearMiss("it ends a layer normalization, but "
                    + (extent instanceof Normalization.Extent.Elsewhere(String reason) ? reason : ""));
        }
        AffineTail tail = factored.isPresent() ? factored.get().tail() : AffineTail.after(view, norm);
        Optional<Shape> extent = tail.extent(view, x, count);
        if (extent.isEmpty()) {
            return new Match.NearMiss(
                    "it ends a layer normalization, but the sizes of the axes it normalizes are not known");
        }
        List<Initializer> constants = new ArrayList<>();
        DataType type = view.graph.type(x).orElse(DataType.FLOAT);
        Optional<String> scale =
                AffineTail.stored(view, tail.output() + ".scale", tail.gamma(), extent.get(), type, constants);
        Optional<String> bias = tail.beta().isEmpty()
                ? Optional.of("")
                : AffineTail.stored(view, tail.output() + ".bias", tail.beta(), extent.get(), type, constants);
        boolean inside = factored.isPresent() || norm.gamma().isPresent();
        if (inside && (scale.isEmpty() || bias.isEmpty())) {
            return new Match.NearMiss(
                    "it ends a layer normalization, but its scale or bias does not fit %s".formatted(extent.get()));
        }
        if (scale.isEmpty() || bias.isEmpty()) {
            // The normalization alone still is one; what follows it stays.
            tail = new AffineTail(Optional.empty(), Optional.empty(), List.of(), norm.normalized());
            constants.clear();
            scale = AffineTail.stored(view, tail.output() + ".scale", tail.gamma(), extent.get(), type, constants);
            bias = Optional.of("");
        }
        List<Node> nodes = new ArrayList<>(tail.nodes());
        nodes.addAll(norm.nodes());
        nodes.add(sub.get());
        nodes.add(mean.get());
        addTwin(view, norm, sub.get(), nodes);
        List<String> inputs = new ArrayList<>(List.of(x, scale.orElseThrow()));
        bias.filter(b -> !b.isEmpty()).ifPresent(inputs::add);
        return new Match.Whole(
                nodes,
                Node.of(
                        nodes.getFirst().name(),
                        "LayerNormalization",
                        inputs,
                        List.of(tail.output()),
                        Attribute.of("axis", -count),
                        Attribute.of("epsilon", (float) norm.epsilon())),
                17,
                constants);
    }

    /// The second of two equal differences, whose square is taken, and its mean where that is a node of its own.
    private static void addTwin(View view, Normalization norm, Node sub, List<Node> nodes) {
        Node square = norm.nodes().getLast();
        view.graph.producer(square.input(0)).filter(n -> n != sub).ifPresent(twin -> {
            nodes.add(twin);
            Normalization.mean(view, twin.input(1))
                    .filter(m -> !nodes.contains(m))
                    .ifPresent(nodes::add);
        });
    }
}
