package dev.nibble.graph.pass;

import dev.nibble.graph.Model;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Passes in order, again and again until none of them changes anything.
public final class Simplify {
    /// Each round removes or merges nodes, so real models settle after two or three; more means two passes undo each
    /// other.
    private static final int ROUNDS = 20;

    private final List<Pass> passes;

    /// @param passes in the order in which they run; see [Passes]. An empty list leaves every model as it is
    public Simplify(List<Pass> passes) {
        this.passes = List.copyOf(passes);
    }

    /// What one pass did in all rounds, and what it left alone in the last.
    public record Report(String name, List<String> changes, List<PassResult.Skipped> skipped) {
        public Report {
            changes = List.copyOf(changes);
            skipped = List.copyOf(skipped);
        }
    }

    /// @param passes a report for each pass, in order
    /// @param renamed values of the given model that go by another name in `model`
    public record Result(Model model, List<Report> passes, Map<String, String> renamed) {
        public Result {
            passes = List.copyOf(passes);
            renamed = Map.copyOf(renamed);
        }

        public boolean changed() {
            return passes.stream().anyMatch(p -> !p.changes().isEmpty());
        }
    }

    /// @throws dev.nibble.graph.NibbleException where the model cannot be raised to the operator set a pass asks for
    public Result apply(Model model) {
        Map<String, List<String>> changes = new LinkedHashMap<>();
        Map<String, List<PassResult.Skipped>> skipped = new LinkedHashMap<>();
        Map<String, String> renamed = Map.of();
        Model current = model;
        boolean changed = true;
        for (int round = 0; changed; round++) {
            if (round == ROUNDS) {
                throw new IllegalStateException("passes undo each other: " + changes);
            }
            changed = false;
            for (Pass pass : passes) {
                PassResult result = pass.apply(current);
                current = result.model();
                changes.computeIfAbsent(pass.name(), k -> new ArrayList<>()).addAll(result.changes());
                skipped.put(pass.name(), result.skipped());
                renamed = PassResult.compose(renamed, result.renamed());
                changed |= result.changed();
            }
        }
        Set<String> labels = new HashSet<>();
        current.graph().nodes().forEach(n -> labels.add(n.label()));
        List<Report> reports = new ArrayList<>();
        for (Pass pass : passes) {
            List<PassResult.Skipped> remaining = skipped.getOrDefault(pass.name(), List.of()).stream()
                    .filter(s -> labels.contains(s.node()))
                    .toList();
            reports.add(new Report(pass.name(), changes.getOrDefault(pass.name(), List.of()), remaining));
        }
        return new Result(current, reports, existing(renamed, current));
    }

    /// A renaming whose target a later pass removed says nothing any more.
    private static Map<String, String> existing(Map<String, String> renamed, Model model) {
        Set<String> names = new LinkedHashSet<>(model.graph().names());
        Map<String, String> kept = new LinkedHashMap<>(renamed);
        kept.values().retainAll(names);
        return kept;
    }
}
