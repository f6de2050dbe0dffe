package dev.nibble.pipeline.calibrate;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.observe.Histogram;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.place.ActivationQuantizer;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.range.ExpectedError;
import dev.nibble.quant.range.RangeChoice;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What Softmax reads inside a graph, and the values that are scaled, masked and rearranged into it.
///
/// Queries times keys reach far beyond what Softmax can tell apart: positions that are masked afterwards, and scores a
/// hundred below the largest. Their product, its scaled copy and the masked one each rounded on a grid of its own would be
/// three errors; with the grid of what Softmax reads, on each one's scale, only the first rounds.
///
/// @param read what Softmax reads
/// @param unmasked of these, where a mask was found, the scores that it leaves
/// @param made values of which nothing is made but what Softmax reads
record AttentionScores(Set<String> read, Map<String, Histogram> unmasked, Map<String, Made> made) {
    /// Costs within this factor of the least are near it.
    private static final double NEAR = 2;

    static final AttentionScores NONE = new AttentionScores(Set.of(), Map.of(), Map.of());

    /// How a value becomes what Softmax reads.
    ///
    /// @param scores what Softmax reads
    /// @param factor how many times the value that is, where it is not masked
    record Made(String scores, double factor) {
        /// The range of the value that has the same codes as `choice` has for the scores.
        ///
        /// @param observed what was seen of the value
        RangeChoice before(RangeChoice choice, Histogram observed) {
            Encoding encoding = choice.encoding();
            float scale = (float) Math.max(encoding.scale() / factor, Encoding.MINIMUM_SCALE);
            Encoding before = new Encoding(scale, encoding.zeroPoint(), encoding.grid());
            return new RangeChoice(choice.search(), before, ExpectedError.of(observed, before));
        }
    }

    /// What Softmax reads in `plan`, where that and what it is made of have encodings of their own.
    static AttentionScores find(PlacementPlan plan, Map<String, Observation> observed) {
        Graph graph = plan.model().graph();
        Map<String, String> masked = new LinkedHashMap<>();
        Map<String, Histogram> unmasked = new LinkedHashMap<>();
        MaskedScores.masks(plan, observed).forEach((place, histogram) -> {
            masked.put(place.output(), place.scores());
            unmasked.put(place.output(), histogram);
        });
        Map<String, ActivationQuantizer> quantizers = plan.activationsByName();
        Set<String> read = new HashSet<>();
        Map<String, Made> made = new LinkedHashMap<>();
        for (Node node : graph.nodes()) {
            String scores = node.is("Softmax") && !graph.isOutput(node.output(0)) ? node.input(0) : "";
            if (isAlone(graph, quantizers, scores)) {
                read.add(scores);
                walk(graph, quantizers, masked, scores, made);
            }
        }
        return new AttentionScores(read, unmasked, made);
    }

    /// Of the candidates for what Softmax reads, the widest whose cost is near the least: what is measured behind Softmax, as
    /// the noise in the scores themselves is that of the masked ones. A range that is too wide costs little; one that is
    /// too narrow for a sample that was not compared costs a lot.
    String widest(Map<String, RangeChoice> choices, OutputErrors.Cost cost) {
        double least = Double.POSITIVE_INFINITY;
        for (String search : choices.keySet()) {
            least = Math.min(least, cost.output().getOrDefault(search, Double.POSITIVE_INFINITY));
        }
        String widest = choices.keySet().iterator().next();
        double width = 0;
        for (Map.Entry<String, RangeChoice> choice : choices.entrySet()) {
            Encoding encoding = choice.getValue().encoding();
            boolean near = cost.output().getOrDefault(choice.getKey(), Double.POSITIVE_INFINITY) <= NEAR * least;
            if (near && encoding.scale() > width) {
                width = encoding.scale();
                widest = choice.getKey();
            }
        }
        return widest;
    }

    private static void walk(
            Graph graph,
            Map<String, ActivationQuantizer> quantizers,
            Map<String, String> masked,
            String scores,
            Map<String, Made> made) {
        String at = scores;
        double factor = 1;
        for (int i = 0; i < MaskedScores.LONGEST_CHAIN; i++) {
            Node maker = graph.producer(at).orElse(null);
            if (maker == null) {
                return;
            }
            Optional<ScaledValues> scaled =
                    maker.isAny("Mul", "Div") ? ScaledValues.of(graph, maker) : Optional.empty();
            if (scaled.isPresent()) {
                factor *= scaled.get().factor();
                at = scaled.get().of();
            } else if (masked.containsKey(at)) {
                at = masked.getOrDefault(at, "");
            } else if (maker.isAny(MaskedScores.REARRANGING)) {
                at = maker.input(0);
            } else {
                return;
            }
            if (graph.isOutput(at) || graph.consumers(at).size() != 1) {
                return;
            }
            if (isAlone(graph, quantizers, at)) {
                made.put(at, new Made(scores, factor));
            }
        }
    }

    private static boolean isAlone(Graph graph, Map<String, ActivationQuantizer> quantizers, String value) {
        ActivationQuantizer quantizer = quantizers.get(value);
        return quantizer != null
                && quantizer.isSource()
                && quantizer.fixed().isEmpty()
                && !graph.isOutput(value)
                && graph.consumers(value).size() == 1;
    }
}
