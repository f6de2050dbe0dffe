package dev.nibble.pipeline.memory;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.shape.BindShapes;
import dev.nibble.graph.shape.ShapeInference;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Bytes that a model's values take for one sample: the largest, where samples differ.
///
/// @param values by name, as far as they are known; inputs included
/// @param inputs of all inputs together
/// @param live the most that values take which are still to be read, while the nodes run one after the other
/// @param rows samples that the inputs hold
public record ValueSizes(Map<String, Long> values, long inputs, long live, long rows) {
    public ValueSizes {
        values = Map.copyOf(values);
    }

    /// What `model` makes of `sample`: by shape inference, and where that does not tell a value of `wanted`, by running.
    public static ValueSizes of(Model model, Collection<String> wanted, Map<String, Tensor> sample, Executor executor) {
        Map<String, Long> values = new HashMap<>();
        long inputs = 0;
        long rows = 0;
        Map<String, long[]> shapes = new HashMap<>();
        for (Map.Entry<String, Tensor> input : sample.entrySet()) {
            Tensor tensor = input.getValue();
            shapes.put(input.getKey(), tensor.shape().dims());
            values.put(input.getKey(), tensor.data().byteSize());
            inputs += tensor.data().byteSize();
            rows = Math.max(
                    rows, tensor.shape().rank() == 0 ? 1 : tensor.shape().dim(0));
        }
        Graph graph = inferred(model, shapes);
        for (Node node : graph.nodes()) {
            for (String value : node.outputs()) {
                graph.shape(value)
                        .ifPresent(shape -> values.put(
                                value, graph.type(value).orElse(DataType.FLOAT).bytes(shape.elements())));
            }
        }
        List<String> unknown = wanted.stream()
                .filter(value -> !values.containsKey(value))
                .distinct()
                .toList();
        if (!unknown.isEmpty()) {
            Executor.Options options = new Executor.Options(0, Executor.Optimization.DEFAULT);
            try (Executor.Session session = executor.open(model, unknown, options)) {
                session.run(sample)
                        .forEach((value, tensor) ->
                                values.put(value, tensor.data().byteSize()));
            }
        }
        return new ValueSizes(values, inputs, live(graph, values), Math.max(1, rows));
    }

    private static Graph inferred(Model model, Map<String, long[]> shapes) {
        try {
            return ShapeInference.inferOwn(BindShapes.bind(model, shapes).model())
                    .model()
                    .graph();
        } catch (NibbleException e) {
            // Shapes that contradict the model's declarations are found where the sample is run.
            return model.graph();
        }
    }

    private static long live(Graph graph, Map<String, Long> values) {
        Map<String, Integer> readers = new HashMap<>();
        for (Node node : graph.nodes()) {
            new HashSet<>(node.inputs()).forEach(input -> readers.merge(input, 1, Integer::sum));
        }
        long alive = 0;
        long most = 0;
        Set<String> made = new HashSet<>();
        for (Node node : graph.nodes()) {
            for (String output : node.outputs()) {
                alive += values.getOrDefault(output, 0L);
                made.add(output);
            }
            most = Math.max(most, alive);
            List<String> done = new ArrayList<>(node.outputs());
            for (String input : new HashSet<>(node.inputs())) {
                if (readers.merge(input, -1, Integer::sum) == 0) {
                    done.add(input);
                }
            }
            for (String value : done) {
                if (readers.getOrDefault(value, 0) == 0 && made.remove(value)) {
                    alive -= values.getOrDefault(value, 0L);
                }
            }
        }
        return most;
    }

    /// Bytes of `value` for one sample; 0 where they are not known.
    public long of(String value) {
        return values.getOrDefault(value, 0L);
    }

    /// Bytes of all of `names`.
    public long of(Collection<String> names) {
        return names.stream().mapToLong(this::of).sum();
    }
}
