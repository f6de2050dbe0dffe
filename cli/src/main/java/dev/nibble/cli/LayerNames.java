package dev.nibble.cli;

import dev.nibble.npu.Estimate.LayerEstimate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Names of layers as tables show them: exporters write `/net/features/features.3/conv/conv.1.0/Conv`, of which
/// `features.3/conv.1.0` is enough. Documents keep the whole names.
final class LayerNames {
    private LayerNames() {}

    /// Short names by whole ones; the whole one where a short one would not be unique.
    static Map<String, String> of(List<LayerEstimate> layers) {
        List<LayerEstimate> shown =
                layers.stream().filter(l -> l.fusedInto() == null).toList();
        Map<String, String> names = new HashMap<>();
        Map<String, Integer> uses = new HashMap<>();
        Set<String> roots = new HashSet<>();
        for (LayerEstimate layer : shown) {
            List<String> parts = parts(layer);
            if (parts.size() > 1) {
                roots.add(parts.getFirst());
            }
        }
        for (LayerEstimate layer : shown) {
            List<String> parts = parts(layer);
            if (roots.size() == 1 && parts.size() > 1 && roots.contains(parts.getFirst())) {
                parts.removeFirst();
            }
            String name = parts.isEmpty() ? layer.name() : String.join("/", parts);
            names.put(layer.name(), name);
            uses.merge(name, 1, Integer::sum);
        }
        names.replaceAll((whole, name) -> uses.getOrDefault(name, 1) > 1 ? whole : name);
        return names;
    }

    private static List<String> parts(LayerEstimate layer) {
        List<String> parts = new ArrayList<>();
        for (String part : layer.name().split("/")) {
            if (!parts.isEmpty() && part.startsWith(parts.getLast() + ".")) {
                parts.removeLast();
            }
            if (!part.isEmpty()) {
                parts.add(part);
            }
        }
        if (parts.size() > 1 && parts.getLast().startsWith(layer.op())) {
            parts.removeLast();
        }
        return parts;
    }
}
