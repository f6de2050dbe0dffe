package dev.nibble.graph.pass;

import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What a running pass has to say, gathered until its [PassResult] is made.
final class Findings {
    private final List<String> changes = new ArrayList<>();
    private final List<PassResult.Skipped> skipped = new ArrayList<>();
    private Map<String, String> renamed = new LinkedHashMap<>();

    void changed(String format, Object... arguments) {
        changes.add(format.formatted(arguments));
    }

    void skipped(Node node, String format, Object... arguments) {
        PassResult.Skipped one = PassResult.Skipped.of(node, format.formatted(arguments));
        if (!skipped.contains(one)) {
            skipped.add(one);
        }
    }

    void renamed(String from, String to) {
        renamed = PassResult.compose(renamed, Map.of(from, to));
    }

    void addAll(PassResult other) {
        changes.addAll(other.changes());
        renamed = PassResult.compose(renamed, other.renamed());
    }

    boolean hasChanges() {
        return !changes.isEmpty();
    }

    PassResult result(Model model) {
        return new PassResult(model, changes, skipped, renamed);
    }
}
