package dev.nibble.pipeline.calibrate;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.place.ActivationQuantizer;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.range.ExpectedError;
import dev.nibble.quant.range.RangeChoice;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Ranges of what is only added to something, or only multiplied by a constant. Where the sum's own range cuts values
/// off, a part of the sum that goes beyond it, whatever is added, is cut off anyway: it needs no codes.
///
/// A residual stream shows why. One channel of it may reach 200 while the normalization behind it is served best by a range
/// of 30; then the layer that makes the 200, and its bias, need no more than about 30 either.
final class NarrowSums {
    /// The name in the report of a range that comes from here.
    static final String NAME = "sum";

    /// A range is narrowed where that makes its steps this much finer; less is not worth a line in the report.
    private static final double WORTHWHILE = 0.95;

    private final PlacementPlan plan;
    private final Graph graph;
    private final Map<String, ActivationQuantizer> quantizers;
    private final Map<String, Ranges.Choice> chosen;

    private record Span(double low, double high) {}

    private NarrowSums(PlacementPlan plan, Map<String, Ranges.Choice> chosen) {
        this.plan = plan;
        this.graph = plan.model().graph();
        this.quantizers = plan.activationsByName();
        this.chosen = new LinkedHashMap<>(chosen);
    }

    /// `chosen` with narrower ranges, from the graph's end to its start.
    static Map<String, Ranges.Choice> apply(PlacementPlan plan, Map<String, Ranges.Choice> chosen) {
        NarrowSums run = new NarrowSums(plan, chosen);
        List<Node> nodes = new ArrayList<>(run.graph.nodes());
        for (Node node : nodes.reversed()) {
            run.look(node);
        }
        return run.chosen;
    }

    private void look(Node node) {
        if (!node.isAny("Add", "Mul", "Div") || !node.isStandard()) {
            return;
        }
        Optional<Span> whole = span(node.output(0));
        if (whole.isEmpty()) {
            return;
        }
        for (int i = 0; i < 2; i++) {
            String value = node.input(i);
            ActivationQuantizer quantizer = quantizers.get(value);
            if (quantizer != null && isAlone(value, quantizer)) {
                needed(node, i, whole.get()).ifPresent(needed -> narrow(value, quantizer, needed));
            }
        }
    }

    /// Whether the encoding of `value` is its own, and one node alone reads it.
    private boolean isAlone(String value, ActivationQuantizer quantizer) {
        return quantizer.isSource()
                && quantizer.fixed().isEmpty()
                && !graph.isOutput(value)
                && graph.consumers(value).size() == 1
                && plan.activations().stream()
                        .noneMatch(other ->
                                !other.name().equals(value) && other.source().equals(value));
    }

    /// What input `i` of `node` can be where the output is inside `whole`.
    private Optional<Span> needed(Node node, int i, Span whole) {
        Optional<Span> other = span(node.input(1 - i));
        if (node.is("Add")) {
            return other.map(o -> new Span(whole.low() - o.high(), whole.high() - o.low()));
        }
        // A factor that is one positive number.
        if (other.isEmpty()
                || graph.initializer(node.input(1 - i)).isEmpty()
                || other.get().low() != other.get().high()
                || !(other.get().low() > 0)) {
            return Optional.empty();
        }
        double factor = other.get().low();
        if (node.is("Mul")) {
            return Optional.of(new Span(whole.low() / factor, whole.high() / factor));
        }
        return i == 0 ? Optional.of(new Span(whole.low() * factor, whole.high() * factor)) : Optional.empty();
    }

    private Optional<Span> span(String value) {
        Initializer constant = graph.initializer(value).orElse(null);
        if (constant != null) {
            if (!constant.hasData() || constant.typeCode() != dev.nibble.graph.DataType.FLOAT.code()) {
                return Optional.empty();
            }
            float low = Float.POSITIVE_INFINITY;
            float high = Float.NEGATIVE_INFINITY;
            for (float x : constant.tensor().toFloats()) {
                low = Math.min(low, x);
                high = Math.max(high, x);
            }
            return low <= high ? Optional.of(new Span(low, high)) : Optional.empty();
        }
        ActivationQuantizer quantizer = quantizers.get(value);
        if (quantizer == null) {
            return Optional.empty();
        }
        Ranges.Choice choice = chosen.get(quantizer.source());
        return quantizer
                .fixed()
                .or(() -> Optional.ofNullable(choice).map(c -> c.range().encoding()))
                .map(encoding -> new Span(encoding.min(), encoding.max()));
    }

    private void narrow(String value, ActivationQuantizer quantizer, Span needed) {
        Ranges.Choice choice = chosen.get(value);
        if (choice == null || !(needed.high() > needed.low())) {
            return;
        }
        Encoding now = choice.range().encoding();
        Encoding narrower = Encoding.ofRange(
                Math.max(now.min(), Math.min(needed.low(), 0)),
                Math.min(now.max(), Math.max(needed.high(), 0)),
                now.grid().bits(),
                quantizer.scheme().symmetry());
        if (narrower.scale() > WORTHWHILE * now.scale()) {
            return;
        }
        Ranges.Candidates all = choice.candidates();
        Map<String, RangeChoice> choices = new LinkedHashMap<>(all.choices());
        choices.put(
                NAME, new RangeChoice(choice.range().search(), narrower, ExpectedError.of(all.observed(), narrower)));
        chosen.put(
                value,
                new Ranges.Choice(new Ranges.Candidates(all.source(), all.scheme(), all.observed(), choices), NAME));
    }
}
