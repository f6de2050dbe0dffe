package dev.nibble.graph.pass;

import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What a pass made of a model.
///
/// @param changes one sentence for each change, naming the nodes
/// @param skipped places that nearly fit, and why they were left alone
/// @param renamed values of the model before that go by another name in `model`: old name to new name. A value that is
///     neither here nor in `model` no longer exists
public record PassResult(Model model, List<String> changes, List<Skipped> skipped, Map<String, String> renamed) {
    public PassResult {
        changes = List.copyOf(changes);
        skipped = List.copyOf(skipped);
        renamed = Collections.unmodifiableMap(new LinkedHashMap<>(renamed));
    }

    /// Nothing changed and nothing to say.
    public static PassResult unchanged(Model model) {
        return new PassResult(model, List.of(), List.of(), Map.of());
    }

    public boolean changed() {
        return !changes.isEmpty();
    }

    /// `first` followed by `second`, as one renaming.
    static Map<String, String> compose(Map<String, String> first, Map<String, String> second) {
        Map<String, String> composed = new LinkedHashMap<>();
        first.forEach((from, to) -> composed.put(from, second.getOrDefault(to, to)));
        second.forEach(composed::putIfAbsent);
        return composed;
    }

    /// A place that was left alone.
    ///
    /// @param node the node's label
    public record Skipped(String node, String reason) {
        static Skipped of(Node node, String reason) {
            return new Skipped(node.label(), reason);
        }
    }
}
