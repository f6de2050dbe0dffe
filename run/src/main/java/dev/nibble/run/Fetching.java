package dev.nibble.run;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// A model cut down to what chosen values need, with those values as its outputs and nothing else: an output that
/// nobody asked for would keep its producer from being fused.
///
/// @param model what ONNX Runtime loads
/// @param computed the chosen values that a node makes, in order
/// @param constants the chosen values that the model stores
/// @param carriers graph inputs that are fed in another type, by name, and how
record Fetching(Model model, List<String> computed, Map<String, Tensor> constants, Map<String, Carrier> carriers) {
    /// An input that ONNX Runtime's Java interface cannot feed: it is fed as `type` under the name `fedAs`.
    record Carrier(String fedAs, DataType type) {}

    static Fetching of(Model model, List<String> fetches) {
        Graph graph = model.graph();
        if (new HashSet<>(fetches).size() != fetches.size()) {
            throw new IllegalArgumentException("a value is fetched twice: " + fetches);
        }
        Set<String> computed = new LinkedHashSet<>();
        Map<String, Tensor> constants = new LinkedHashMap<>();
        for (String name : fetches) {
            Optional<Initializer> stored = graph.initializer(name);
            if (graph.producer(name).isPresent()) {
                computed.add(name);
            } else if (stored.isPresent() && !graph.isInput(name)) {
                constants.put(name, stored.get().tensor());
            } else if (!graph.isInput(name)) {
                throw new NibbleException(
                        "model '%s' has no value named '%s'".formatted(graph.name(), name),
                        "name a graph output or the output of a node: " + examples(graph));
            }
        }
        Graph needed = needed(graph, computed);
        for (Initializer weight : needed.initializers()) {
            if (!weight.hasData()) {
                throw new NibbleException(
                        "model '%s' cannot be run: tensor '%s' has no data".formatted(graph.name(), weight.name()),
                        "the weights were stripped from this file or lie in a missing data file; use it with its weights");
            }
        }
        Map<String, Carrier> carriers = new LinkedHashMap<>();
        Graph feedable = feedable(needed, carriers);
        return new Fetching(model.withGraph(feedable), List.copyOf(computed), constants, carriers);
    }

    private static String examples(Graph graph) {
        List<String> names =
                graph.outputs().stream().map(ValueInfo::name).limit(5).toList();
        return "its outputs are " + String.join(", ", names);
    }

    private static Graph needed(Graph graph, Set<String> wanted) {
        Set<Node> kept = java.util.Collections.newSetFromMap(new java.util.IdentityHashMap<>());
        Set<String> read = new HashSet<>();
        Deque<String> open = new ArrayDeque<>(wanted);
        while (!open.isEmpty()) {
            Optional<Node> producer = graph.producer(open.pop());
            if (producer.isPresent() && kept.add(producer.get())) {
                Set<String> uses = new LinkedHashSet<>(producer.get().inputs());
                producer.get().subgraphs().forEach(g -> uses.addAll(g.captured()));
                uses.stream().filter(read::add).forEach(open::push);
            }
        }
        List<Node> nodes = graph.nodes().stream().filter(kept::contains).toList();
        Set<String> made = new HashSet<>(read);
        nodes.forEach(n -> made.addAll(n.outputs()));
        List<ValueInfo> outputs = new ArrayList<>();
        for (String name : wanted) {
            // What a file says of an intermediate value may be stale; ONNX Runtime infers its type itself.
            outputs.add(graph.outputs().stream()
                    .filter(o -> o.name().equals(name))
                    .findFirst()
                    .orElseGet(() -> new ValueInfo(name, new ValueType.Unstated())));
        }
        return new Graph(
                graph.name(),
                nodes,
                graph.initializers().stream()
                        .filter(i -> read.contains(i.name()) || graph.isInput(i.name()))
                        .toList(),
                graph.sparseInitializers().stream()
                        .filter(i -> read.contains(i.name()))
                        .toList(),
                graph.inputs(),
                outputs,
                graph.valueInfos().stream()
                        .filter(v -> made.contains(v.name()) && !wanted.contains(v.name()))
                        .toList(),
                graph.carried());
    }

    private static Graph feedable(Graph graph, Map<String, Carrier> carriers) {
        List<ValueInfo> inputs = new ArrayList<>();
        List<Node> casts = new ArrayList<>();
        for (ValueInfo input : graph.inputs()) {
            Optional<DataType> type = input.tensorType().flatMap(ValueType.TensorType::elementType);
            Optional<DataType> carrier = type.flatMap(ElementTypes::carrier);
            if (carrier.isEmpty() || graph.initializer(input.name()).isPresent()) {
                inputs.add(input);
                continue;
            }
            String fedAs = fresh(graph, input.name() + "_as_" + carrier.get().onnxName());
            ValueType.TensorType declared = input.tensorType().orElseThrow();
            inputs.add(
                    new ValueInfo(fedAs, new ValueType.TensorType(carrier.get().code(), declared.dims(), null)));
            casts.add(Node.of(
                    fedAs,
                    "Cast",
                    List.of(fedAs),
                    List.of(input.name()),
                    Attribute.of("to", type.orElseThrow().code())));
            carriers.put(input.name(), new Carrier(fedAs, carrier.get()));
        }
        if (casts.isEmpty()) {
            return graph;
        }
        List<Node> nodes = new ArrayList<>(casts);
        nodes.addAll(graph.nodes());
        return new Graph(
                graph.name(),
                nodes,
                graph.initializers(),
                graph.sparseInitializers(),
                inputs,
                graph.outputs(),
                graph.valueInfos(),
                graph.carried());
    }

    private static String fresh(Graph graph, String wanted) {
        String name = wanted;
        for (int i = 1; graph.names().contains(name); i++) {
            name = wanted + "_" + i;
        }
        return name;
    }
}
