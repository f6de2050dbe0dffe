package dev.nibble.pipeline.calibrate;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.memory.ValueSizes;
import dev.nibble.quant.Encoding;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongFunction;

/// What candidates for ranges cost: at the next quantized value, and where only a normalization makes something of that,
/// behind the normalization ([SeenThrough]).
///
/// @param candidates by candidate's name, the encoding of each value; a value without one is fed as it is
/// @param samples as many are compared
/// @param sample the model's inputs
/// @param largest those of the sample that takes the most memory
/// @param memory in which each pass over the samples fits
public record RangeCosts(
        Model model,
        Map<String, Map<String, Encoding>> candidates,
        long samples,
        LongFunction<Map<String, Tensor>> sample,
        Map<String, Tensor> largest,
        Executor executor,
        Executor.Options options,
        MemoryBudget memory,
        Progress progress) {

    /// The costs by value.
    ///
    /// @param values the activations that are quantized
    /// @throws dev.nibble.graph.NibbleException where one value alone does not fit into the memory
    public Map<String, OutputErrors.Cost> costs(List<String> values) {
        Map<String, OutputErrors.Cost> costs = new LinkedHashMap<>(measured(values));
        Set<String> through = SeenThrough.of(model.graph());
        List<String> kept =
                values.stream().filter(value -> !through.contains(value)).toList();
        if (kept.size() < values.size()) {
            costs.putAll(measured(kept));
        }
        return costs;
    }

    private Map<String, OutputErrors.Cost> measured(List<String> values) {
        OutputErrors errors = new OutputErrors(model, values, executor, options);
        ValueSizes sizes = ValueSizes.of(model, values, largest, executor);
        List<List<String>> groups = errors.groups(memory, sizes);
        String what = MemoryBudget.announced("comparing ranges", groups.size());
        try (Progress.Stage stage = progress.begin(what, samples * groups.size())) {
            for (List<String> group : groups) {
                errors.add(
                        group,
                        samples,
                        i -> {
                            stage.advance();
                            return sample.apply(i);
                        },
                        candidates);
            }
        }
        return errors.costs();
    }
}
