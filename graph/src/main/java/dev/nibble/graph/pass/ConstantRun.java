package dev.nibble.graph.pass;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Runs some nodes of a model whose inputs are all constant.
final class ConstantRun {
    private ConstantRun() {}

    /// The outputs of `nodes`, in memory of their own.
    ///
    /// @param known results that are no constants of the graph; null where `nodes` make them
    /// @throws dev.nibble.graph.NibbleException where the executor cannot
    static Map<String, Tensor> of(View view, List<Node> nodes, Map<String, @Nullable Tensor> known, Executor executor) {
        Set<String> made = new LinkedHashSet<>();
        nodes.forEach(n -> made.addAll(n.outputs()));
        made.remove("");
        Map<String, Initializer> constants = new LinkedHashMap<>();
        for (Node node : nodes) {
            for (String input : node.inputs()) {
                if (input.isEmpty() || made.contains(input)) {
                    continue;
                }
                Tensor result = known.get(input);
                constants.put(
                        input,
                        result != null
                                ? Initializer.of(input, result)
                                : view.stored(input).orElseThrow());
            }
        }
        List<ValueInfo> outputs = made.stream()
                .map(o -> view.graph.valueInfo(o).orElse(new ValueInfo(o, new ValueType.Unstated())))
                .toList();
        Graph graph = Graph.of("constants", nodes, new ArrayList<>(constants.values()), List.of(), outputs);
        Executor.Options options = new Executor.Options(1, Executor.Optimization.OFF);
        Map<String, Tensor> results = new HashMap<>();
        try (Executor.Session session = executor.open(
                view.model.withGraph(graph).withIrVersion(Math.max(4, view.model.irVersion())),
                List.copyOf(made),
                options)) {
            session.run(Map.of()).forEach((name, tensor) -> results.put(name, tensor.copy()));
        }
        return results;
    }
}
