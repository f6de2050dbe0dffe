package dev.nibble.quant.place;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// What the user forces on single tensors of a model.
///
/// @param tensors by name
/// @param fusions chains of operators that do, or do not, count as one
public record Overrides(SortedMap<String, Forced> tensors, List<Fusion> fusions) {
    public static final Overrides NONE = new Overrides(new TreeMap<>(), List.of());

    /// A chain of operator types, such as Conv, Relu.
    ///
    /// @param fuse whether there is no quantizer inside; false takes a chain of the target's rules apart
    public record Fusion(List<String> operators, boolean fuse) {
        public Fusion {
            operators = List.copyOf(operators);
        }
    }

    public Overrides {
        tensors = Collections.unmodifiableSortedMap(new TreeMap<>(tensors));
        fusions = List.copyOf(fusions);
    }

    /// Widths of single values.
    static Overrides ofWidths(Map<String, Integer> widths) {
        SortedMap<String, Forced> tensors = new TreeMap<>();
        widths.forEach((name, bits) -> tensors.put(name, new Forced.Width(bits, Optional.empty())));
        return new Overrides(tensors, List.of());
    }

    /// What is forced on `name`.
    public Optional<Forced> of(String name) {
        return Optional.ofNullable(tensors.get(name));
    }

    /// Whether the encoding of `name` is given, so that no step may change it.
    public boolean freezes(String name) {
        return switch (tensors.get(name)) {
            case null -> false;
            case Forced.Range _, Forced.Scales _ -> true;
            case Forced.Width _, Forced.InFloat _ -> false;
        };
    }

    /// Whether `name` is to stay in float.
    boolean inFloat(String name) {
        return tensors.get(name) instanceof Forced.InFloat;
    }

    /// Whether a quantizer has to stand at the value `name`.
    boolean places(String name) {
        return switch (tensors.get(name)) {
            case null -> false;
            case Forced.Range _, Forced.Width _ -> true;
            case Forced.Scales _, Forced.InFloat _ -> false;
        };
    }

    public boolean isEmpty() {
        return tensors.isEmpty() && fusions.isEmpty();
    }
}
