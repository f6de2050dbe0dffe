package dev.nibble.run;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The shapes that values have when a model runs on certain inputs.
///
/// @param shapes by the name of the value, inputs included
/// @param unseen values whose shape is not known, and why: sequences, strings, types that the executor does not hand
///     out
public record ObservedShapes(Map<String, Shape> shapes, Map<String, String> unseen) {
    /// Values fetched at once. All of them at once would keep everything that a model computes in memory.
    private static final int CHUNK = 64;

    public ObservedShapes {
        shapes = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(shapes));
        unseen = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(unseen));
    }

    /// Runs `model` on `inputs`, fetching every value of its main graph once.
    ///
    /// @throws NibbleException where the model cannot be run at all
    public static ObservedShapes of(Model model, Executor executor, Map<String, Tensor> inputs) {
        Graph graph = model.graph();
        Map<String, Shape> shapes = new LinkedHashMap<>();
        Map<String, String> unseen = new LinkedHashMap<>();
        inputs.forEach((name, tensor) -> shapes.put(name, tensor.shape()));
        List<String> values = new ArrayList<>();
        for (Node node : graph.nodes()) {
            for (String output : node.outputs()) {
                if (!output.isEmpty()) {
                    values.add(output);
                }
            }
        }
        NibbleException first = null;
        for (int from = 0; from < values.size(); from += CHUNK) {
            List<String> chunk = values.subList(from, Math.min(from + CHUNK, values.size()));
            first = look(model, executor, inputs, chunk, shapes, unseen, first);
        }
        if (first != null && unseen.size() == values.size()) {
            throw first;
        }
        return new ObservedShapes(shapes, unseen);
    }

    /// Fetches `chunk`; where that fails, halves of it, until what cannot be fetched stands alone.
    private static @Nullable NibbleException look(
            Model model,
            Executor executor,
            Map<String, Tensor> inputs,
            List<String> chunk,
            Map<String, Shape> shapes,
            Map<String, String> unseen,
            @Nullable NibbleException first) {
        Executor.Options options = new Executor.Options(0, Executor.Optimization.OFF);
        try (Executor.Session session = executor.open(model, chunk, options)) {
            session.run(inputs).forEach((name, tensor) -> shapes.put(name, tensor.shape()));
            return first;
        } catch (NibbleException e) {
            if (chunk.size() == 1) {
                unseen.put(chunk.getFirst(), String.valueOf(e.getMessage()));
                return first == null ? e : first;
            }
            int half = chunk.size() / 2;
            NibbleException left = look(model, executor, inputs, chunk.subList(0, half), shapes, unseen, first);
            return look(model, executor, inputs, chunk.subList(half, chunk.size()), shapes, unseen, left);
        }
    }
}
