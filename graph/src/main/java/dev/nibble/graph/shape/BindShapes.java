package dev.nibble.graph.shape;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Gives inputs of open shape a fixed one (`--shape NAME=1,3,224,224`).
///
/// A name that is bound at one input is bound wherever it stands. What is left open at axis 0 is taken for the
/// batch and becomes 1.
public final class BindShapes {
    private BindShapes() {}

    /// @param model the model with its inputs bound, without the declarations that depended on them (see
    ///     [ShapeInference])
    /// @param bound the inputs that were open before, with the shape they have now
    /// @param said a sentence for each thing that was decided without being asked for
    /// @param open inputs that still have open axes, by name
    public record Bound(Model model, Map<String, Shape> bound, List<String> said, Map<String, ValueType> open) {
        public Bound {
            said = List.copyOf(said);
        }

        /// The model.
        ///
        /// @throws NibbleException where an input is still open
        public Model requireStatic() {
            if (open.isEmpty()) {
                return model;
            }
            boolean one = open.size() == 1;
            List<String> inputs = new ArrayList<>();
            List<String> options = new ArrayList<>();
            open.forEach((name, type) -> {
                inputs.add(one ? "'%s' has an open shape: %s".formatted(name, type) : "'%s' %s".formatted(name, type));
                options.add("--shape %s=%s".formatted(name, example(type)));
            });
            throw new NibbleException(
                    (one ? "input " : "%d inputs have open shapes: ".formatted(open.size()))
                            + String.join(", ", inputs),
                    (one ? "give it one: " : "give them some: ") + String.join(" ", options));
        }

        private static String example(ValueType type) {
            if (!(type instanceof ValueType.TensorType(int code, List<Dim> dims, var encoded)) || dims == null) {
                return "1,3,224,224";
            }
            return dims.stream()
                    .map(d -> d instanceof Dim.Known(long size) ? Long.toString(size) : "<" + d + ">")
                    .collect(Collectors.joining(","));
        }
    }

    /// @param shapes a shape for each input named; −1 leaves an axis as it is
    /// @throws NibbleException where there is no such input, or its fixed sizes are others
    public static Bound bind(Model model, Map<String, long[]> shapes) {
        Graph graph = model.graph();
        Map<String, ValueInfo> feeds = new LinkedHashMap<>();
        graph.feeds().forEach(f -> feeds.put(f.name(), f));
        Map<String, Dim> names = new HashMap<>();
        Map<String, List<Dim>> given = new HashMap<>();
        new TreeMap<>(shapes).forEach((name, sizes) -> {
            ValueInfo feed = feeds.get(name);
            if (feed == null) {
                throw new NibbleException(
                        "the model has no input '" + name + "'", "its inputs are " + String.join(", ", feeds.keySet()));
            }
            given.put(name, bound(feed, sizes, names));
        });
        List<String> said = new ArrayList<>();
        for (ValueInfo feed : feeds.values()) {
            List<Dim> dims = given.containsKey(feed.name()) ? given.get(feed.name()) : dims(feed);
            if (dims != null && !dims.isEmpty() && !(replaced(dims.getFirst(), names) instanceof Dim.Known)) {
                if (dims.getFirst() instanceof Dim.Symbol(String symbol) && !symbol.isEmpty()) {
                    names.put(symbol, Dims.ONE);
                    said.add("'%s' is taken for the batch and set to 1".formatted(symbol));
                } else {
                    said.add("axis 0 of input '%s' is taken for the batch and set to 1".formatted(feed.name()));
                }
                List<Dim> one = new ArrayList<>(dims);
                one.set(0, Dims.ONE);
                given.put(feed.name(), one);
            }
        }
        return apply(model, feeds, names, given, said);
    }

    private static List<Dim> bound(ValueInfo feed, long[] sizes, Map<String, Dim> names) {
        List<Dim> declared = dims(feed);
        if (declared != null && declared.size() != sizes.length) {
            throw new NibbleException(
                    "input '%s' is %s, but was given the shape %s"
                            .formatted(feed.name(), feed.type(), Arrays.toString(sizes)),
                    "give as many sizes as it has axes");
        }
        List<Dim> dims = new ArrayList<>();
        for (int i = 0; i < sizes.length; i++) {
            Dim before = declared == null ? Dims.UNKNOWN : declared.get(i);
            if (sizes[i] < -1) {
                throw new NibbleException(
                        "input '%s' was given the size %d".formatted(feed.name(), sizes[i]), "sizes are at least 0");
            }
            if (sizes[i] == -1) {
                dims.add(before);
                continue;
            }
            Dim now = Dims.of(sizes[i]);
            if (before instanceof Dim.Known && !before.equals(now)) {
                throw new NibbleException(
                        "input '%s' has the fixed size %s at axis %d, but was given %d"
                                .formatted(feed.name(), before, i, sizes[i]),
                        "only open axes can be bound; export the model with another size");
            }
            if (before instanceof Dim.Symbol(String symbol) && !symbol.isEmpty()) {
                Dim other = names.put(symbol, now);
                if (other != null && !other.equals(now)) {
                    throw new NibbleException(
                            "'%s' was given two sizes, %s and %s".formatted(symbol, other, now),
                            "axes of one name have one size");
                }
            }
            dims.add(now);
        }
        return dims;
    }

    private static Bound apply(
            Model model,
            Map<String, ValueInfo> feeds,
            Map<String, Dim> names,
            Map<String, List<Dim>> given,
            List<String> said) {
        Map<String, Shape> bound = new LinkedHashMap<>();
        Map<String, ValueType> open = new LinkedHashMap<>();
        List<ValueInfo> inputs = new ArrayList<>();
        boolean changed = false;
        for (ValueInfo input : model.graph().inputs()) {
            List<Dim> before = feeds.containsKey(input.name()) ? given.getOrDefault(input.name(), dims(input)) : null;
            if (!feeds.containsKey(input.name()) || !(input.type() instanceof ValueType.TensorType type)) {
                inputs.add(input);
                continue;
            }
            List<Dim> now = before == null
                    ? null
                    : before.stream().map(d -> replaced(d, names)).toList();
            if (now == null || !now.equals(type.dims())) {
                changed |= now != null;
                ValueType.TensorType fixed = new ValueType.TensorType(type.elementCode(), now, null);
                fixed.shape().ifPresent(s -> bound.put(input.name(), s));
                inputs.add(now == null ? input : input.withType(fixed));
            } else {
                inputs.add(input);
            }
            if (now == null || now.stream().anyMatch(d -> !(d instanceof Dim.Known))) {
                open.put(input.name(), inputs.getLast().type());
            }
        }
        return new Bound(changed ? rebound(model, inputs, names) : model, bound, said, open);
    }

    /// The model with its new inputs; declarations that are not fixed yet are left out, to be inferred again.
    private static Model rebound(Model model, List<ValueInfo> inputs, Map<String, Dim> names) {
        Graph g = model.graph();
        return model.withGraph(new Graph(
                g.name(),
                g.nodes(),
                g.initializers(),
                g.sparseInitializers(),
                inputs,
                g.outputs().stream().map(o -> replaced(o, names)).toList(),
                g.valueInfos().stream()
                        .filter(v -> v.tensorType()
                                .map(t -> t.dims() != null
                                        && t.dims().stream().allMatch(d -> replaced(d, names) instanceof Dim.Known))
                                .orElse(true))
                        .map(v -> replaced(v, names))
                        .toList(),
                g.carried()));
    }

    private static ValueInfo replaced(ValueInfo value, Map<String, Dim> names) {
        if (!(value.type() instanceof ValueType.TensorType(int code, List<Dim> dims, var encoded)) || dims == null) {
            return value;
        }
        List<Dim> now = dims.stream().map(d -> replaced(d, names)).toList();
        return now.equals(dims) ? value : value.withType(new ValueType.TensorType(code, now, null));
    }

    private static Dim replaced(Dim dim, Map<String, Dim> names) {
        return dim instanceof Dim.Symbol(String name) ? names.getOrDefault(name, dim) : dim;
    }

    private static @Nullable List<Dim> dims(ValueInfo value) {
        return value.type() instanceof ValueType.TensorType type ? type.dims() : null;
    }
}
