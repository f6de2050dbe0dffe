package dev.nibble.pipeline.calibrate;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.memory.ValueSizes;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.measure.FloatPieces;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.LongFunction;

/// What candidates for ranges cost: at the next quantized value, and where only a normalization makes something of that,
/// behind the normalization ([SeenThrough]).
///
/// @param candidates by candidate's name, the encodings of the values that have it; all have the first
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
        Map<String, OutputErrors.Cost> costs = new LinkedHashMap<>(measured(values, values));
        Set<String> through = SeenThrough.of(model.graph());
        List<String> kept =
                values.stream().filter(value -> !through.contains(value)).toList();
        Map<String, Set<String>> next = FloatPieces.reached(model.graph(), values);
        Map<String, Set<String>> behind = FloatPieces.reached(model.graph(), kept);
        List<String> farther = kept.stream()
                .filter(value -> !Objects.equals(next.get(value), behind.get(value)))
                .toList();
        costs.putAll(measured(kept, farther));
        return costs;
    }

    /// The costs of `values` in the model that is cut at `cut`: of the candidates that all of them have, and apart from
    /// these, where fewer layers have to run, of those that some have.
    private Map<String, OutputErrors.Cost> measured(List<String> cut, List<String> values) {
        List<String> all = new ArrayList<>();
        List<String> particular = new ArrayList<>();
        candidates.forEach((name, encodings) -> (encodings.keySet().containsAll(values) ? all : particular).add(name));
        List<String> some = values.stream()
                .filter(value -> particular.stream()
                        .anyMatch(
                                name -> candidates.getOrDefault(name, Map.of()).containsKey(value)))
                .toList();
        Map<String, OutputErrors.Cost> costs = new LinkedHashMap<>(measured(cut, values, all));
        measured(cut, some, particular).forEach((value, cost) -> costs.merge(value, cost, OutputErrors.Cost::plus));
        return costs;
    }

    private Map<String, OutputErrors.Cost> measured(List<String> cut, List<String> values, List<String> names) {
        if (values.isEmpty() || names.isEmpty()) {
            return Map.of();
        }
        Map<String, Map<String, Encoding>> compared = new LinkedHashMap<>();
        names.forEach(name -> compared.put(name, complete(candidates.getOrDefault(name, Map.of()))));
        OutputErrors errors = new OutputErrors(model, cut, executor, options);
        ValueSizes sizes = ValueSizes.of(model, cut, largest, executor);
        List<List<String>> groups = errors.groups(values, memory, sizes);
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
                        compared);
            }
        }
        Map<String, OutputErrors.Cost> costs = new LinkedHashMap<>(errors.costs());
        costs.keySet().retainAll(values);
        return costs;
    }

    /// A value for which a candidate has nothing gets what the first has, so that layers of several inputs are compared on
    /// the same terms.
    private Map<String, Encoding> complete(Map<String, Encoding> candidate) {
        Map<String, Encoding> complete =
                new HashMap<>(candidates.values().iterator().next());
        complete.putAll(candidate);
        return complete;
    }
}
