package dev.nibble.graph.shape;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What is known of the values of a graph, and through it of those around it.
final class Scope {
    private final @Nullable Scope outer;
    private final Graph graph;
    private final Map<String, ValueType.TensorType> types = new HashMap<>();
    private final Map<String, IntValues> values = new HashMap<>();
    private final List<String> conflicts = new ArrayList<>();

    Scope(Graph graph, @Nullable Scope outer) {
        this.graph = graph;
        this.outer = outer;
        for (ValueInfo declared : graph.inputs()) {
            declared.tensorType().ifPresent(t -> types.put(declared.name(), t));
        }
        for (Initializer initializer : graph.initializers()) {
            constant(initializer.name(), initializer);
        }
    }

    void constant(String name, Initializer stored) {
        types.put(
                name,
                new ValueType.TensorType(
                        stored.typeCode(), Dims.list(stored.shape().dims()), null));
        IntValues value = IntValues.of(stored);
        if (value != null) {
            values.put(name, value);
        }
    }

    ValueType.@Nullable TensorType type(String name) {
        ValueType.TensorType type = types.get(name);
        return type == null && outer != null ? outer.type(name) : type;
    }

    @Nullable
    IntValues value(String name) {
        if (types.containsKey(name)) {
            return values.get(name);
        }
        return outer == null ? null : outer.value(name);
    }

    @Nullable
    Initializer constant(String name) {
        Initializer stored = graph.constant(name).orElse(null);
        return stored == null && outer != null && !types.containsKey(name) ? outer.constant(name) : stored;
    }

    /// Adds what was inferred of `name` to what is declared of it. Where the two contradict each other, what was
    /// inferred holds, and that is noted.
    void put(String name, int type, @Nullable List<Dim> dims) {
        ValueType.TensorType declared =
                graph.valueInfo(name).flatMap(ValueInfo::tensorType).orElse(null);
        int element = type != 0 || declared == null ? type : declared.elementCode();
        List<Dim> known = dims;
        List<Dim> said = declared == null ? null : declared.dims();
        if (known == null) {
            known = said;
        } else if (said != null) {
            if (said.size() != known.size()) {
                conflicts.add(
                        "'%s' is declared with rank %d, but has rank %d".formatted(name, said.size(), known.size()));
            } else {
                List<Dim> merged = new ArrayList<>();
                for (int i = 0; i < known.size(); i++) {
                    Dim mine = known.get(i);
                    Dim theirs = said.get(i);
                    if (mine instanceof Dim.Known && theirs instanceof Dim.Known && !mine.equals(theirs)) {
                        conflicts.add("'%s' is declared with size %s at axis %d, but has %s"
                                .formatted(name, theirs, i, mine));
                    }
                    merged.add(Dims.merge(mine, theirs));
                }
                known = merged;
            }
        }
        types.put(name, new ValueType.TensorType(element, known, null));
    }

    void putValue(String name, IntValues value) {
        values.put(name, value);
    }

    /// Where what is declared contradicts what was inferred.
    List<String> conflicts() {
        return conflicts;
    }
}
