package dev.nibble.graph.pass;

import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Makes one Concat of a Concat that only another Concat along the same axis reads: its parts are copied, and when
/// quantized rescaled, once instead of twice.
public final class FlattenConcat implements Rewrite {
    @Override
    public String name() {
        return "flatten-concat";
    }

    @Override
    public Found find(Model model) {
        View view = new View(model);
        List<Place> places = new ArrayList<>();
        for (Node node : view.graph.nodes()) {
            inner(view, node)
                    .ifPresent(i -> places.add(new Place(
                            node.output(0),
                            List.of(i.label(), node.label()),
                            "%s is read by %s alone, along the same axis".formatted(i, node))));
        }
        return new Found(places, List.of());
    }

    private static Optional<Node> inner(View view, Node concat) {
        if (!concat.is("Concat")) {
            return Optional.empty();
        }
        int rank = view.rank(concat.output(0)).orElse(0);
        return concat.inputs().stream()
                .flatMap(i -> view.maker(i, "Concat").stream())
                .filter(i -> rank > 0
                        && Math.floorMod(i.intAttribute("axis", 1), rank)
                                == Math.floorMod(concat.intAttribute("axis", 1), rank)
                        && concat.inputs().stream().filter(i.output(0)::equals).count() == 1
                        && view.onlyReadBy(i.output(0), concat))
                .findFirst();
    }

    @Override
    public Optional<Model> apply(Model model, String anchor) {
        View view = new View(model);
        return view.maker(anchor, "Concat")
                .flatMap(outer -> inner(view, outer).map(inner -> {
                    List<String> inputs = new ArrayList<>();
                    outer.inputs().forEach(i -> {
                        if (i.equals(inner.output(0))) {
                            inputs.addAll(inner.inputs());
                        } else {
                            inputs.add(i);
                        }
                    });
                    return model.withGraph(
                            view.graph.edit(e -> e.remove(inner).replace(outer, outer.withInputs(inputs))));
                }));
    }
}
