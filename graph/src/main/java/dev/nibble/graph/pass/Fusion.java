package dev.nibble.graph.pass;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import java.util.List;
import java.util.Optional;

/// A pass that puts one whole operator in the place of a decomposed one.
///
/// A subclass says how to recognise the pattern; finding, checking that nothing outside reads the values inside, raising
/// the operator set and replacing are the same for all. The whole operator takes over the name of the pattern's output.
abstract class Fusion implements Pass {
    private final OpsetNeed need;

    Fusion(long newestOpset) {
        this.need = new OpsetNeed(newestOpset);
    }

    /// What a place in the graph is to the pattern.
    sealed interface Match {
        /// The pattern: `nodes` are replaced by `whole`, which has the output of the last of them.
        ///
        /// @param nodes all nodes that go; the one that makes the output first
        /// @param constants initializers that `whole` needs, under fresh names
        record Whole(List<Node> nodes, Node whole, long opset, List<Initializer> constants) implements Match {}

        /// Nearly the pattern, or the pattern without an operator for it.
        record NearMiss(String reason) implements Match {}

        /// Something else.
        record Nothing() implements Match {}
    }

    static final Match NOTHING = new Match.Nothing();

    /// Whether a pattern ends at `node`.
    abstract Match match(View view, Node node);

    @Override
    public PassResult apply(Model model) {
        Findings findings = new Findings();
        Model current = model;
        for (Node candidate : model.graph().nodes()) {
            Optional<Node> now = candidate.outputs().isEmpty()
                    ? Optional.empty()
                    : current.graph().producer(candidate.output(0));
            if (now.isPresent()
                    && now.get().opType().equals(candidate.opType())
                    && now.get().isStandard()) {
                current = fuse(current, now.get(), findings);
            }
        }
        return findings.result(current);
    }

    private Model fuse(Model model, Node end, Findings findings) {
        View view = new View(model);
        switch (match(view, end)) {
            case Match.Nothing nothing -> {
                return model;
            }
            case Match.NearMiss(String reason) -> {
                findings.skipped(end, "%s", reason);
                return model;
            }
            case Match.Whole found -> {
                for (Node inside : found.nodes().subList(1, found.nodes().size())) {
                    for (String output : inside.outputs()) {
                        Optional<String> needed = view.neededOutside(output, found.nodes());
                        if (needed.isPresent()) {
                            findings.skipped(
                                    end, "it ends a %s, but %s", found.whole().opType(), needed.get());
                            return model;
                        }
                    }
                }
                switch (need.ask(model, found.opset(), found.whole().opType())) {
                    case OpsetNeed.Answer.Refused(String reason) -> {
                        findings.skipped(
                                end, "it ends a %s, but %s", found.whole().opType(), reason);
                        return model;
                    }
                    case OpsetNeed.Answer.Ready(Model ready, boolean raised) -> {
                        if (raised) {
                            findings.changed(
                                    "raised opset %d to %d for %s",
                                    model.opset(), found.opset(), found.whole().opType());
                            return fuse(
                                    ready, ready.graph().producer(end.output(0)).orElseThrow(), findings);
                        }
                        findings.changed(
                                "fused %d nodes up to %s into one %s",
                                found.nodes().size(), end, found.whole().opType());
                        return model.withGraph(model.graph().edit(e -> {
                            e.replace(found.nodes().getFirst(), found.whole());
                            e.removeAll(found.nodes().subList(1, found.nodes().size()));
                            found.constants().forEach(e::put);
                        }));
                    }
                }
            }
        }
    }

    /// `wanted`, or `wanted` with a number, that nothing in the graph has.
    static String freshName(View view, String wanted) {
        String name = wanted;
        for (int i = 1; view.graph.names().contains(name); i++) {
            name = wanted + "_" + i;
        }
        return name;
    }
}
