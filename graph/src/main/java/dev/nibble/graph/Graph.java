package dev.nibble.graph;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A dataflow graph: nodes in an order in which they can run, the constants they use, and the declared values.
///
/// Immutable: a change is made by [#edit] and gives another graph. Value names are API, since encodings key on
/// them.
public final class Graph {
    private final String name;
    private final List<Node> nodes;
    private final List<Initializer> initializers;
    private final List<SparseInitializer> sparseInitializers;
    private final List<ValueInfo> inputs;
    private final List<ValueInfo> outputs;
    private final List<ValueInfo> valueInfos;
    private final Carried carried;
    private @Nullable Index index;

    /// A sparse constant, carried as its encoded `SparseTensorProto`.
    public record SparseInitializer(String name, MemorySegment encoded) {}

    public Graph(
            String name,
            List<Node> nodes,
            List<Initializer> initializers,
            List<SparseInitializer> sparseInitializers,
            List<ValueInfo> inputs,
            List<ValueInfo> outputs,
            List<ValueInfo> valueInfos,
            Carried carried) {
        this.name = name;
        this.nodes = List.copyOf(nodes);
        this.initializers = List.copyOf(initializers);
        this.sparseInitializers = List.copyOf(sparseInitializers);
        this.inputs = List.copyOf(inputs);
        this.outputs = List.copyOf(outputs);
        this.valueInfos = List.copyOf(valueInfos);
        this.carried = carried;
    }

    /// A graph made by Nibble.
    public static Graph of(
            String name,
            List<Node> nodes,
            List<Initializer> initializers,
            List<ValueInfo> inputs,
            List<ValueInfo> outputs) {
        return new Graph(name, nodes, initializers, List.of(), inputs, outputs, List.of(), Carried.NONE);
    }

    public String name() {
        return name;
    }

    /// The nodes, each after those whose outputs it uses.
    public List<Node> nodes() {
        return nodes;
    }

    public List<Initializer> initializers() {
        return initializers;
    }

    /// Bytes of all initializers that have data, packed; subgraphs have their own.
    public long weightBytes() {
        return initializers.stream()
                .filter(Initializer::hasData)
                .mapToLong(Initializer::packedBytes)
                .sum();
    }

    public List<SparseInitializer> sparseInitializers() {
        return sparseInitializers;
    }

    /// The declared inputs. Before IR version 4 they include the initializers; see [#feeds].
    public List<ValueInfo> inputs() {
        return inputs;
    }

    public List<ValueInfo> outputs() {
        return outputs;
    }

    /// What the file declares of intermediate values.
    public List<ValueInfo> valueInfos() {
        return valueInfos;
    }

    public Carried carried() {
        return carried;
    }

    /// The inputs that a caller must feed: those without an initializer.
    public List<ValueInfo> feeds() {
        return inputs.stream().filter(i -> initializer(i.name()).isEmpty()).toList();
    }

    /// The node that makes `value`.
    public Optional<Node> producer(String value) {
        return Optional.ofNullable(index().producers.get(value));
    }

    /// The nodes that read `value`, in order, each once; a node whose subgraph reads it counts.
    public List<Node> consumers(String value) {
        return index().consumers.getOrDefault(value, List.of());
    }

    public Optional<Initializer> initializer(String value) {
        return Optional.ofNullable(index().initializers.get(value));
    }

    /// The constant behind `value`: an initializer that no caller may override, or the tensor of a `Constant`
    /// node.
    ///
    /// Constant nodes that hold numbers instead of a tensor give a tensor of their own.
    public Optional<Initializer> constant(String value) {
        Initializer stored = index().initializers.get(value);
        if (stored != null) {
            return Optional.of(stored);
        }
        Node producer = index().producers.get(value);
        return producer != null && producer.is("Constant") ? constantOf(producer) : Optional.empty();
    }

    private static Optional<Initializer> constantOf(Node node) {
        for (Attribute attribute : node.attributes()) {
            Initializer made = switch (attribute.value()) {
                case Attribute.Value.OfTensor(Initializer tensor) -> tensor.withName(node.output(0));
                case Attribute.Value.OfFloat(float f) -> Initializer.of(node.output(0), Tensor.of(Shape.SCALAR, f));
                case Attribute.Value.OfInt(long i) -> Initializer.of(node.output(0), Tensor.of(Shape.SCALAR, i));
                case Attribute.Value.OfFloats(List<Float> values) -> {
                    float[] array = new float[values.size()];
                    for (int i = 0; i < array.length; i++) {
                        array[i] = values.get(i);
                    }
                    yield Initializer.of(node.output(0), Tensor.of(Shape.of(array.length), array));
                }
                case Attribute.Value.OfInts(List<Long> values) ->
                    Initializer.of(
                            node.output(0),
                            Tensor.of(
                                    Shape.of(values.size()),
                                    values.stream().mapToLong(Long::longValue).toArray()));
                case Attribute.Value.OfString s -> null;
                case Attribute.Value.OfGraph g -> null;
                case Attribute.Value.OfStrings s -> null;
                case Attribute.Value.OfTensors t -> null;
                case Attribute.Value.OfGraphs g -> null;
                case Attribute.Value.Reference r -> null;
                case Attribute.Value.CarriedValue c -> null;
            };
            if (made != null) {
                return Optional.of(made);
            }
        }
        return Optional.empty();
    }

    /// What is declared of `value`: as input, output or intermediate value.
    public Optional<ValueInfo> valueInfo(String value) {
        return Optional.ofNullable(index().declared.get(value));
    }

    /// The declared or stored shape of `value`, if all of it is known.
    public Optional<Shape> shape(String value) {
        Optional<Initializer> stored = constant(value);
        if (stored.isPresent()) {
            return stored.map(Initializer::shape);
        }
        return valueInfo(value).flatMap(ValueInfo::tensorType).flatMap(ValueType.TensorType::shape);
    }

    /// The declared or stored element type of `value`, if it is known.
    public Optional<DataType> type(String value) {
        Optional<Initializer> stored = constant(value);
        if (stored.isPresent()) {
            return stored.flatMap(i -> DataType.ofCode(i.typeCode()));
        }
        return valueInfo(value).flatMap(ValueInfo::tensorType).flatMap(ValueType.TensorType::elementType);
    }

    public boolean isInput(String value) {
        return inputs.stream().anyMatch(i -> i.name().equals(value));
    }

    public boolean isOutput(String value) {
        return index().outputs.contains(value);
    }

    /// The names that this graph's nodes read but that stand outside it: what a subgraph captures.
    public Set<String> captured() {
        return index().captured;
    }

    /// Every name in use: values, initializers, inputs, outputs and nodes.
    public Set<String> names() {
        return index().names;
    }

    /// This graph changed: nodes end up in an order in which they can run, and declarations of values that no
    /// longer exist are dropped.
    ///
    /// @throws NibbleException where the change leaves a cycle
    public Graph edit(Consumer<GraphEdit> change) {
        GraphEdit edit = new GraphEdit(this);
        change.accept(edit);
        return edit.finish();
    }

    /// This graph with other nodes, which must already stand in an order in which they can run; everything else stays.
    public Graph withNodes(List<Node> others) {
        return new Graph(name, others, initializers, sparseInitializers, inputs, outputs, valueInfos, carried);
    }

    private Index index() {
        Index built = index;
        if (built == null) {
            built = new Index(this);
            index = built;
        }
        return built;
    }

    /// Look-up tables over a graph, built once when first asked for.
    private static final class Index {
        final Map<String, Node> producers = new HashMap<>();
        final Map<String, List<Node>> consumers = new HashMap<>();
        final Map<String, Initializer> initializers = new HashMap<>();
        final Map<String, ValueInfo> declared = new HashMap<>();
        final Set<String> outputs = new LinkedHashSet<>();
        final Set<String> captured = new LinkedHashSet<>();
        final Set<String> names = new LinkedHashSet<>();

        Index(Graph graph) {
            graph.initializers.forEach(i -> initializers.put(i.name(), i));
            graph.valueInfos.forEach(v -> declared.put(v.name(), v));
            graph.outputs.forEach(v -> declared.put(v.name(), v));
            graph.inputs.forEach(v -> declared.put(v.name(), v));
            graph.outputs.forEach(v -> outputs.add(v.name()));
            Set<String> defined = new LinkedHashSet<>(initializers.keySet());
            graph.sparseInitializers.forEach(s -> defined.add(s.name()));
            graph.inputs.forEach(v -> defined.add(v.name()));
            for (Node node : graph.nodes) {
                node.outputs().forEach(o -> {
                    producers.put(o, node);
                    defined.add(o);
                });
                names.add(node.name());
            }
            producers.remove("");
            for (Node node : graph.nodes) {
                Set<String> reads = new LinkedHashSet<>(node.inputs());
                node.subgraphs().forEach(g -> reads.addAll(g.captured()));
                reads.remove("");
                for (String read : reads) {
                    consumers.computeIfAbsent(read, k -> new ArrayList<>()).add(node);
                    if (!defined.contains(read)) {
                        captured.add(read);
                    }
                }
            }
            for (String output : outputs) {
                if (!defined.contains(output)) {
                    captured.add(output);
                }
            }
            names.addAll(defined);
            names.addAll(captured);
            names.addAll(declared.keySet());
            names.remove("");
        }
    }
}
