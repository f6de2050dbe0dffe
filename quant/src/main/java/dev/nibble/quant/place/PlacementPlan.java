package dev.nibble.quant.place;

import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.quant.Granularity;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/// Where the quantizers of a model go; see [Placement].
///
/// @param model the model all names refer to: the given one with `Constant` nodes turned into initializers,
///     and constants that are used in different roles split
/// @param renamed split constants: new name to the name in the given model
/// @param bounded activation functions inside a supergroup that an exporter may drop
/// @param skipped what is not quantized, and why
/// @param notes where the plan differs from what was asked
public record PlacementPlan(
        Model model,
        Precision precision,
        String rules,
        List<ActivationQuantizer> activations,
        List<WeightQuantizer> weights,
        List<BiasQuantizer> biases,
        List<Conversion> conversions,
        List<Bounded> bounded,
        SortedMap<String, String> renamed,
        List<Skipped> skipped,
        List<Finding> notes) {

    /// A value that one operator needs at another width or symmetry than it has: DQ, then Q, on that edge.
    ///
    /// @param value what is converted
    /// @param node the first output of the operator that needs it
    /// @param input the operator's input
    /// @param fromBits the value's own width
    /// @param toBits the width at the operator
    /// @param symmetric whether the operator needs signed codes around zero
    /// @param reason why, for the report
    public record Conversion(
            String value, String node, int input, int fromBits, int toBits, boolean symmetric, String reason) {}

    /// A Relu or Clip behind its producer, without quantizer in between.
    ///
    /// @param node the activation function
    /// @param min its lower bound
    /// @param max its upper bound; infinite for Relu
    public record Bounded(Node node, double min, double max) {}

    /// What is not quantized.
    ///
    /// @param node name or first output
    /// @param op operator type
    /// @param reason a sentence's worth
    public record Skipped(String node, String op, String reason) {}

    public PlacementPlan {
        activations = List.copyOf(activations);
        weights = List.copyOf(weights);
        biases = List.copyOf(biases);
        conversions = List.copyOf(conversions);
        bounded = List.copyOf(bounded);
        renamed = java.util.Collections.unmodifiableSortedMap(new java.util.TreeMap<>(renamed));
        skipped = List.copyOf(skipped);
        notes = List.copyOf(notes);
    }

    /// This plan for a model that differs in the content of its constants only.
    public PlacementPlan withModel(Model other) {
        return new PlacementPlan(
                other, precision, rules, activations, weights, biases, conversions, bounded, renamed, skipped, notes);
    }

    /// This plan with other notes.
    PlacementPlan withNotes(List<Finding> other) {
        return new PlacementPlan(
                model, precision, rules, activations, weights, biases, conversions, bounded, renamed, skipped, other);
    }

    /// What the user forces on tensor `name`; of a split constant, on the one that it comes from.
    public Optional<Forced> forced(String name) {
        return precision.overrides().of(renamed.getOrDefault(name, name));
    }

    /// Whether the encoding of tensor `name` is given, so that no step may change it.
    public boolean isFrozen(String name) {
        return precision.overrides().freezes(renamed.getOrDefault(name, name));
    }

    /// The values whose ranges have to be measured, in graph order; no others.
    public List<String> observed() {
        return activations.stream()
                .filter(ActivationQuantizer::observed)
                .map(ActivationQuantizer::name)
                .toList();
    }

    /// The encodings that have to be chosen: each source with the observed values whose ranges it covers.
    public Map<String, List<String>> observedBySource() {
        return activations.stream()
                .filter(ActivationQuantizer::observed)
                .collect(Collectors.groupingBy(
                        ActivationQuantizer::source,
                        LinkedHashMap::new,
                        Collectors.mapping(ActivationQuantizer::name, Collectors.toList())));
    }

    /// The quantizers by value name.
    public Map<String, ActivationQuantizer> activationsByName() {
        return index(activations, ActivationQuantizer::name);
    }

    /// The constants' quantizers by initializer name.
    public Map<String, WeightQuantizer> weightsByName() {
        return index(weights, WeightQuantizer::name);
    }

    /// The bias quantizers by initializer name.
    public Map<String, BiasQuantizer> biasesByName() {
        return index(biases, BiasQuantizer::name);
    }

    /// The quantizer of value `name`.
    public Optional<ActivationQuantizer> activation(String name) {
        return activations.stream().filter(a -> a.name().equals(name)).findFirst();
    }

    /// The version of ONNX's operators that the formats need: 21 for 16-bit activations, 4-bit and blocked
    /// weights, 25 for 2-bit ones, otherwise 13.
    public long requiredOpset() {
        boolean two = weights.stream().anyMatch(w -> w.scheme().bits() == 2);
        boolean narrowOrWide = weights.stream()
                        .anyMatch(
                                w -> w.scheme().bits() != 8 || w.scheme().granularity() instanceof Granularity.PerBlock)
                || activations.stream().anyMatch(a -> a.scheme().bits() != 8)
                || conversions.stream().anyMatch(c -> c.toBits() != 8);
        return two ? 25 : narrowOrWide ? 21 : 13;
    }

    private static <T> Map<String, T> index(List<T> items, Function<T, String> key) {
        Map<String, T> byName = new LinkedHashMap<>();
        items.forEach(i -> byName.put(key.apply(i), i));
        return byName;
    }
}
