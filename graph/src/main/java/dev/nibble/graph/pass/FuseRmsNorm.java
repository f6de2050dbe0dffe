package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Fuses root mean square normalization ([Zhang and Sennrich](https://arxiv.org/abs/1910.07467)) into RMSNormalization
/// (opset 23): `y = x / √(mean(x²) + ε) · γ`, over the last axes, with γ constant or left out.
public final class FuseRmsNorm extends Fusion {
    public FuseRmsNorm(long newestOpset) {
        super(newestOpset);
    }

    @Override
    public String name() {
        return "fuse-rms-norm";
    }

    @Override
    public String description() {
        return "fuse decomposed RMS normalization into RMSNormalization (opset 23)";
    }

    @Override
    Match match(View view, Node node) {
        Optional<Normalization> found = Normalization.endingAt(view, node);
        if (found.isEmpty()) {
            return NOTHING;
        }
        Normalization norm = found.get();
        String x = norm.centered();
        boolean isCentered = view.maker(x, "Sub")
                .flatMap(s -> Normalization.mean(view, s.input(1))
                        .filter(m -> m.input(0).equals(s.input(0))))
                .isPresent();
        if (isCentered) {
            // A layer normalization, whether it can be fused as one or not.
            return NOTHING;
        }
        Normalization.Extent place = Normalization.extent(norm.axes(), view.rank(x));
        int count;
        switch (place) {
            case Normalization.Extent.Elsewhere(String reason) -> {
                return new Match.NearMiss("it ends an RMS normalization, but " + reason);
            }
            case Normalization.Extent.Last(int last) -> count = last;
        }
        AffineTail whole = AffineTail.after(view, norm);
        // There is no bias: an addition that follows stays.
        AffineTail tail = whole.beta().isEmpty()
                ? whole
                : new AffineTail(
                        whole.gamma(),
                        Optional.empty(),
                        whole.nodes().subList(1, whole.nodes().size()),
                        whole.nodes().size() == 1
                                ? norm.normalized()
                                : whole.nodes().get(1).output(0));
        Optional<Shape> extent = tail.extent(view, x, count);
        if (extent.isEmpty()) {
            return new Match.NearMiss(
                    "it ends an RMS normalization, but the sizes of the axes it normalizes are not known");
        }
        List<Initializer> constants = new ArrayList<>();
        DataType type = view.graph.type(x).orElse(DataType.FLOAT);
        Optional<String> scale =
                AffineTail.stored(view, tail.output() + ".scale", tail.gamma(), extent.get(), type, constants);
        if (scale.isEmpty() && norm.gamma().isPresent()) {
            return new Match.NearMiss(
                    "it ends an RMS normalization, but its scale does not fit %s".formatted(extent.get()));
        }
        if (scale.isEmpty()) {
            tail = new AffineTail(Optional.empty(), Optional.empty(), List.of(), norm.normalized());
            scale = AffineTail.stored(view, tail.output() + ".scale", tail.gamma(), extent.get(), type, constants);
        }
        List<Node> nodes = new ArrayList<>(tail.nodes());
        nodes.addAll(norm.nodes());
        return new Match.Whole(
                nodes,
                Node.of(
                        nodes.getFirst().name(),
                        "RMSNormalization",
                        List.of(x, scale.orElseThrow()),
                        List.of(tail.output()),
                        Attribute.of("axis", -count),
                        Attribute.of("epsilon", (float) norm.epsilon())),
                23,
                constants);
    }
}
