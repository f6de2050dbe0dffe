package dev.nibble.pipeline.calibrate;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.observe.Histogram;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.place.ActivationQuantizer;
import dev.nibble.quant.place.Finding;
import dev.nibble.quant.place.PlacementPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// Values that vanish in the range of others. Concat has one range for all that it joins: beside boxes of some hundred
/// pixels, scores from 0 to 1 are rounded to a step or two, while the SQNR of the whole stays high.
public final class JoinedRanges {
    /// Fewer steps than these leave next to nothing of a value.
    private static final int FEW_STEPS = 16;

    /// No chain of reshapes is followed further.
    private static final int LONGEST_CHAIN = 16;

    private record Span(double min, double max) {}

    private JoinedRanges() {}

    /// A warning for each Concat and each of its inputs that its range leaves fewer than 16 steps.
    ///
    /// @param observed by value
    /// @param encodings by value
    public static List<Finding> find(
            PlacementPlan plan, Map<String, Observation> observed, Map<String, Encoding> encodings) {
        List<Finding> findings = new ArrayList<>();
        Graph graph = plan.model().graph();
        Map<String, ActivationQuantizer> quantizers = plan.activationsByName();
        for (Node node : graph.nodes()) {
            Encoding whole = node.is("Concat") ? encodings.get(node.output(0)) : null;
            if (whole == null) {
                continue;
            }
            for (String input : node.inputs().stream().distinct().toList()) {
                span(input, graph, quantizers, observed)
                        .filter(span ->
                                span.max() > span.min() && (span.max() - span.min()) / whole.scale() < FEW_STEPS)
                        .ifPresent(span -> findings.add(warning(node, input, span, whole)));
            }
        }
        return findings;
    }

    private static Finding warning(Node node, String input, Span span, Encoding whole) {
        return new Finding(
                "Q106",
                Finding.Severity.WARNING,
                String.format(
                        Locale.ROOT,
                        "%s joins '%s' (%.4g to %.4g) with far larger values: steps of %.3g leave next to nothing of it",
                        node,
                        input,
                        span.min(),
                        span.max(),
                        whole.scale()),
                "use --act-bitwidth 16, or export the parts as outputs of their own");
    }

    /// From where to where `value` reaches, as seen or as its fixed range says.
    private static Optional<Span> span(
            String value, Graph graph, Map<String, ActivationQuantizer> quantizers, Map<String, Observation> observed) {
        String at = value;
        for (int i = 0; i < LONGEST_CHAIN; i++) {
            Observation seen = observed.get(at);
            if (seen != null && seen.histogram().count() > 0) {
                Histogram histogram = seen.histogram();
                return Optional.of(new Span(histogram.min(), histogram.max()));
            }
            ActivationQuantizer quantizer = quantizers.get(at);
            if (quantizer != null && quantizer.fixed().isPresent()) {
                Encoding fixed = quantizer.fixed().get();
                return Optional.of(new Span(fixed.min(), fixed.max()));
            }
            Optional<Node> producer =
                    graph.producer(at).filter(node -> !node.inputs().isEmpty());
            if (quantizer == null || producer.isEmpty()) {
                return Optional.empty();
            }
            at = producer.get().input(0);
        }
        return Optional.empty();
    }
}
