package dev.nibble.quant.measure;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A float model cut at chosen values: each of them is fed from outside and also computed, so that what an error in
/// a value does to the next values can be seen alone.
///
/// @param model the cut model; its inputs are [#feeds]
/// @param feeds by value that was cut, the name of the input that stands for it
/// @param reached by value that was cut, the cut values (or graph outputs) computed directly from it
public record FloatPieces(Model model, Map<String, String> feeds, Map<String, Set<String>> reached) {
    /// Cuts `model` at `values`.
    ///
    /// @param values graph inputs or intermediate values
    public static FloatPieces cut(Model model, List<String> values) {
        Graph graph = model.graph();
        Map<String, String> feeds = new LinkedHashMap<>();
        Graph cut = graph.edit(edit -> {
            List<ValueInfo> inputs = new ArrayList<>();
            for (String value : values) {
                String feed = edit.freshName(value + "/fed");
                feeds.put(value, feed);
                edit.replaceUses(value, feed);
                inputs.add(Feeds.floatInput(feed));
            }
            graph.inputs().stream()
                    .filter(input -> !feeds.containsKey(input.name()))
                    .forEach(inputs::add);
            edit.setInputs(inputs);
        });
        return new FloatPieces(model.withGraph(cut), feeds, reached(graph, feeds.keySet()));
    }

    /// By value, those of `values` and of the graph's outputs that are computed from it directly.
    public static Map<String, Set<String>> reached(Graph graph, Collection<String> values) {
        Set<String> cut = new HashSet<>(values);
        Map<String, Set<String>> reached = new LinkedHashMap<>();
        for (String value : values) {
            Set<String> ends = new LinkedHashSet<>();
            Set<String> seen = new LinkedHashSet<>(List.of(value));
            List<String> open = new ArrayList<>(seen);
            while (!open.isEmpty()) {
                for (Node consumer : graph.consumers(open.removeLast())) {
                    for (String output : consumer.outputs()) {
                        if (output.isEmpty() || !seen.add(output)) {
                            continue;
                        }
                        if (cut.contains(output) || graph.isOutput(output)) {
                            ends.add(output);
                        } else {
                            open.add(output);
                        }
                    }
                }
            }
            reached.put(value, ends);
        }
        return reached;
    }
}
