package dev.nibble.pipeline.calibrate;

import dev.nibble.quant.Encoding;
import dev.nibble.quant.Scheme;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.observe.Histogram;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.place.ActivationQuantizer;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.range.RangeChoice;
import dev.nibble.quant.range.RangeSearch;
import java.util.ArrayList;
import java.util.Collection;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The candidates for the range of each encoding, all of them from one histogram, and the choice among them.
public final class Ranges {
    /// Ranges that differ by less are alike.
    private static final double DISTINCT = 1.1;

    private final Map<String, Candidates> bySource = new LinkedHashMap<>();
    private AttentionScores scores = AttentionScores.NONE;

    /// The candidates for one encoding.
    ///
    /// @param source the value whose encoding it is
    /// @param observed everything that was seen of the values that share it
    /// @param choices by the search's name
    public record Candidates(
            String source, Scheme.Integer scheme, Histogram observed, Map<String, RangeChoice> choices) {}

    /// What was chosen for one encoding.
    public record Choice(Candidates candidates, String calibrator) {
        public RangeChoice range() {
            RangeChoice choice = candidates.choices().get(calibrator);
            if (choice == null) {
                throw new IllegalStateException("no candidate " + calibrator + " for " + candidates.source());
            }
            return choice;
        }
    }

    /// Works out the candidates of every encoding that `plan` wants chosen.
    ///
    /// @param observed by value
    /// @throws dev.nibble.graph.NibbleException where a value was NaN or infinite; names the tensor and the sample
    public static Ranges search(PlacementPlan plan, Map<String, Observation> observed, List<RangeSearch> searches) {
        Ranges ranges = new Ranges();
        AttentionScores scores = AttentionScores.find(plan, observed);
        Set<String> through = SeenThrough.of(plan.model().graph());
        Map<String, ActivationQuantizer> quantizers = plan.activationsByName();
        plan.observedBySource().forEach((source, values) -> {
            ActivationQuantizer quantizer = quantizers.get(source);
            if (quantizer == null || quantizer.fixed().isPresent()) {
                return;
            }
            Histogram histogram = Histogram.EMPTY;
            for (String value : values) {
                histogram = histogram.merge(
                        observed.getOrDefault(value, Observation.NONE).requireFinite(value));
            }
            boolean read = values.size() == 1 && scores.read().contains(source);
            Histogram unmasked = values.size() == 1 ? scores.unmasked().get(source) : null;
            histogram = unmasked == null ? histogram : unmasked;
            Map<String, RangeChoice> choices = new LinkedHashMap<>();
            Symmetry symmetry = quantizer.scheme().symmetry();
            for (RangeSearch search : searches) {
                boolean limit = search instanceof RangeSearch.Limit;
                if (limit && !through.contains(quantizer.name())) {
                    continue;
                }
                int bits = quantizer.scheme().bits();
                RangeChoice choice = read && search instanceof RangeSearch.Limit top
                        ? top.chooseFromTop(histogram, bits, symmetry)
                        : search.choose(histogram, bits, symmetry);
                if (limit && !read && !isBetween(choice, choices.values())) {
                    continue;
                }
                choices.put(
                        search.id(),
                        unmasked == null ? choice : MaskedScores.withRoomBelow(choice, unmasked, symmetry));
            }
            ranges.bySource.put(source, new Candidates(source, quantizer.scheme(), histogram, choices));
        });
        ranges.scores = scores;
        scores.made().forEach((value, made) -> ranges.follow(value, made));
        return ranges;
    }

    /// Gives `value` the candidates of the scores that are made of it, on its own scale: so both have the same codes, and
    /// nothing is rounded twice.
    private void follow(String value, AttentionScores.Made made) {
        Candidates own = bySource.get(value);
        Candidates read = bySource.get(made.scores());
        if (own == null || read == null || own.scheme().bits() != read.scheme().bits()) {
            return;
        }
        Map<String, RangeChoice> choices = new LinkedHashMap<>();
        read.choices().forEach((search, choice) -> choices.put(search, made.before(choice, own.observed())));
        bySource.put(value, new Candidates(value, own.scheme(), own.observed(), choices));
    }

    /// Whether the range of `choice` reaches clearly farther than the narrowest of `others`, and not as far as the widest.
    private static boolean isBetween(RangeChoice choice, Collection<RangeChoice> others) {
        DoubleSummaryStatistics reach =
                others.stream().mapToDouble(other -> reach(other.encoding())).summaryStatistics();
        double own = reach(choice.encoding());
        return own > DISTINCT * reach.getMin() && DISTINCT * own < reach.getMax();
    }

    private static double reach(Encoding encoding) {
        return Math.max(Math.abs(encoding.min()), Math.abs(encoding.max()));
    }

    /// By source, in graph order.
    public Map<String, Candidates> candidates() {
        return bySource;
    }

    /// For each search, the encodings of the values for which it found a range, as [RangeCosts] takes them.
    public Map<String, Map<String, Encoding>> encodings(PlacementPlan plan) {
        Map<String, Map<String, Encoding>> result = new LinkedHashMap<>();
        for (ActivationQuantizer quantizer : plan.activations()) {
            Candidates candidates = bySource.get(quantizer.source());
            if (candidates != null) {
                candidates
                        .choices()
                        .forEach((search, choice) -> result.computeIfAbsent(search, s -> new LinkedHashMap<>())
                                .put(quantizer.name(), choice.encoding()));
            }
        }
        return result;
    }

    /// One search for everything.
    public Map<String, Choice> all(String search) {
        Map<String, Choice> chosen = new LinkedHashMap<>();
        bySource.forEach((source, candidates) -> chosen.put(source, new Choice(candidates, search)));
        return chosen;
    }

    /// For each encoding the search with the least noise at the consumers' outputs, summed over the values that share
    /// it. Where that cannot be measured, or searches tie, the least expected error of the tensor itself decides.
    ///
    /// The samples on which outputs are compared are few, and rare large values may be missing from them; the histogram
    /// has seen them all. So a candidate's cost is what its noise becomes on the way to the outputs (their noise over
    /// the value's own, on the compared samples) times the noise that the histogram expects of it.
    ///
    /// What attention's scores are made of takes what they take ([AttentionScores]). What is only added to something then
    /// gets no wider a range than the sum has use for ([NarrowSums]).
    ///
    /// @param costs by value; see [OutputErrors#costs]
    public Map<String, Choice> best(PlacementPlan plan, Map<String, OutputErrors.Cost> costs) {
        Map<String, List<String>> sharing = new LinkedHashMap<>();
        plan.activations()
                .forEach(q -> sharing.computeIfAbsent(q.source(), s -> new ArrayList<>())
                        .add(q.name()));
        Map<String, Choice> chosen = new LinkedHashMap<>();
        bySource.forEach((source, candidates) -> {
            if (scores.read().contains(source) && costs.get(source) != null) {
                chosen.put(source, new Choice(candidates, scores.widest(candidates.choices(), costs.get(source))));
                return;
            }
            String best = null;
            double least = Double.POSITIVE_INFINITY;
            double leastError = Double.POSITIVE_INFINITY;
            for (Map.Entry<String, RangeChoice> entry : candidates.choices().entrySet()) {
                double cost = 0;
                for (String value : sharing.getOrDefault(source, List.of(source))) {
                    cost += expected(costs.get(value), entry.getKey(), entry.getValue());
                }
                double error = entry.getValue().error().mse();
                if (best == null || cost < least || cost == least && error < leastError) {
                    best = entry.getKey();
                    least = cost;
                    leastError = error;
                }
            }
            if (best != null) {
                chosen.put(source, new Choice(candidates, best));
            }
        });
        scores.made().forEach((value, made) -> {
            Choice read = chosen.get(made.scores());
            Candidates own = bySource.get(value);
            if (read != null && own != null && own.choices().containsKey(read.calibrator())) {
                chosen.put(value, new Choice(own, read.calibrator()));
            }
        });
        return NarrowSums.apply(plan, chosen);
    }

    private static double expected(OutputErrors.@Nullable Cost cost, String search, RangeChoice choice) {
        if (cost == null || !cost.output().containsKey(search)) {
            return 0;
        }
        double output = cost.output().getOrDefault(search, 0.0);
        double own = cost.own().getOrDefault(search, 0.0);
        double signal = choice.error().signal();
        double expected = signal > 0 ? choice.error().mse() / signal : 0;
        return own > 0 && expected > 0 ? output / own * expected : output;
    }
}
