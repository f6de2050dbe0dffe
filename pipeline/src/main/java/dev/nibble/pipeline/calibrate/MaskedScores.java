package dev.nibble.pipeline.calibrate;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.observe.Histogram;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.place.Finding;
import dev.nibble.quant.place.MaskConstant;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.range.ExpectedError;
import dev.nibble.quant.range.RangeChoice;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The scores of attention behind a mask. What is masked only has to stay below every score, so it must not set the
/// range of what Softmax reads: that range ends a little below the least score, and masked values are cut off there.
/// Where it ends, Softmax makes less than half a step of a value.
///
/// To tell masked values from scores, samples are observed with masks of −10⁶; what lies below −4,096 then is masked.
/// The mask that is written only goes as far down as these scores need.
public final class MaskedScores {
    private static final float OBSERVED_MASK = -1e6f;
    private static final int MASKED_EXPONENT = 12;

    /// A mask's other value than 0 is below this.
    private static final double MASKED_BELOW = -30;

    static final String[] REARRANGING = {
        "Slice", "Reshape", "Unsqueeze", "Squeeze", "Expand", "Gather", "Transpose", "Identity", "Tile", "Split"
    };

    static final int LONGEST_CHAIN = 16;

    /// A mask's application.
    ///
    /// @param output what only Softmax reads
    /// @param scores what was masked
    /// @param mask the constant, or the computed value
    /// @param constant what gives the mask its depth; empty where that is not known
    record Place(String output, String scores, String mask, String constant) {}

    /// A mask that was found.
    ///
    /// @param mask the constant that gives it its depth, or the computed value
    /// @param constant whether its depth is a constant; else its values told that it masks
    /// @param written what masked places get
    /// @param scores what Softmax reads
    /// @param softmax labels of the operators that read it
    /// @param least of the scores that are not masked
    /// @param range of the scores
    public record Found(
            String mask,
            boolean constant,
            double written,
            String scores,
            List<String> softmax,
            double least,
            double most,
            Encoding range) {
        /// A score this far below its row's largest comes out of Softmax as less than half a step.
        public double zeroBelow() {
            return room(range.grid().bits());
        }
    }

    private MaskedScores() {}

    /// `model` with masks so low that what they mask can be told from every score.
    public static Model separable(Model model) {
        Graph graph = model.graph();
        return model.withGraph(graph.edit(
                edit -> constants(graph).forEach((name, bound) -> edit.put(bounded(graph, name, OBSERVED_MASK)))));
    }

    /// The plan with masks that go as far below the scores as they must.
    public static PlacementPlan bound(PlacementPlan plan, Map<String, Observation> observed, int bits) {
        Graph graph = plan.model().graph();
        Map<String, Float> needed = constants(graph);
        for (Place place : places(graph)) {
            Observation before = seen(observed.get(origin(graph, place.scores())));
            Observation after = seen(observed.get(place.output()));
            String constant = place.constant();
            Float bound = needed.get(constant);
            if (bound != null && before != null && after != null) {
                double least = after.histogram().above(MASKED_EXPONENT).min();
                double depth = before.histogram().max() - least + room(bits);
                needed.put(constant, (float) Math.min(bound, -10 * Math.ceil(depth / 10)));
            }
        }
        return plan.withModel(plan.model()
                .withGraph(graph.edit(edit -> needed.forEach((name, bound) -> {
                    edit.put(bounded(graph, name, bound));
                }))));
    }

    /// `observed` with masks as they are in `plan`, which go less far down than those that were observed.
    ///
    /// @param plan as [#bound] gave it
    public static Map<String, Observation> asBounded(PlacementPlan plan, Map<String, Observation> observed) {
        Graph graph = plan.model().graph();
        Map<String, Float> constants = constants(graph);
        Map<String, Observation> bounded = new LinkedHashMap<>(observed);
        for (Place place : places(graph)) {
            Float bound = constants.get(place.constant());
            if (bound != null && !place.mask().equals(place.constant())) {
                Observation seen = new Observation(Histogram.of(bound, 0), Optional.empty());
                bounded.replaceAll((value, observation) ->
                        origin(graph, value).equals(place.mask()) && !isEmpty(observation) ? seen : observation);
            }
        }
        return bounded;
    }

    private static boolean isEmpty(Observation observation) {
        return observation.nonFinite().isEmpty() && observation.histogram().count() == 0;
    }

    /// `observation` where it holds finite values and nothing else.
    private static @Nullable Observation seen(@Nullable Observation observation) {
        return observation != null
                        && observation.nonFinite().isEmpty()
                        && observation.histogram().count() > 0
                ? observation
                : null;
    }

    /// The masks that were found, with the scores that they leave.
    static Map<Place, Histogram> masks(PlacementPlan plan, Map<String, Observation> observed) {
        Map<Place, Histogram> scores = new LinkedHashMap<>();
        Graph graph = plan.model().graph();
        Set<String> constants = constants(graph).keySet();
        for (Place place : places(graph)) {
            Observation output = seen(observed.get(place.output()));
            Observation mask = seen(observed.get(place.mask()));
            boolean masks = constants.contains(place.constant())
                    || mask != null
                            && mask.histogram().min() < MASKED_BELOW
                            && mask.histogram().max() <= 0;
            if (masks && output != null) {
                Histogram histogram = output.histogram().above(MASKED_EXPONENT);
                if (histogram.count() > 0) {
                    scores.put(place, histogram);
                }
            }
        }
        return scores;
    }

    /// What the range of each masked value that Softmax reads came to, in the graph's order.
    ///
    /// @param encodings by value
    public static List<Found> found(
            PlacementPlan plan, Map<String, Observation> observed, Map<String, Encoding> encodings) {
        Map<String, Found> found = new LinkedHashMap<>();
        Graph graph = plan.model().graph();
        Map<String, Float> constants = constants(graph);
        masks(plan, observed).forEach((place, scores) -> {
            Encoding encoding = encodings.get(place.output());
            Float bound = constants.get(place.constant());
            Observation mask = seen(observed.get(place.mask()));
            double written =
                    bound != null ? bound : mask != null ? mask.histogram().min() : Double.NaN;
            if (encoding != null && !Double.isNaN(written)) {
                found.putIfAbsent(
                        place.output(),
                        new Found(
                                bound != null ? place.constant() : place.mask(),
                                bound != null,
                                written,
                                place.output(),
                                graph.consumers(place.output()).stream()
                                        .map(Node::label)
                                        .toList(),
                                scores.min(),
                                scores.max(),
                                encoding));
            }
        });
        return List.copyOf(found.values());
    }

    /// A note for each mask that was found: the range of what Softmax reads with it, without it, and the one that was given.
    public static List<Finding> findings(List<Found> masks) {
        return masks.stream()
                .map(found -> new Finding(
                        "Q107",
                        Finding.Severity.INFO,
                        String.format(
                                Locale.ROOT,
                                "mask '%s' found before Softmax: the scores in '%s' reach from %.4g to %.4g, and their range"
                                        + " is %.4g to %.4g; with what is masked it would begin at %s",
                                found.mask(),
                                found.scores(),
                                found.least(),
                                found.most(),
                                found.range().min(),
                                found.range().max(),
                                found.constant()
                                        ? "the mask's own value"
                                        : String.format(Locale.ROOT, "%.4g", found.written())),
                        ""))
                .toList();
    }

    private static Set<Place> places(Graph graph) {
        Set<Place> places = new LinkedHashSet<>();
        for (Node node : graph.nodes()) {
            boolean softmaxOnly = !graph.isOutput(node.output(0))
                    && !graph.consumers(node.output(0)).isEmpty()
                    && graph.consumers(node.output(0)).stream().allMatch(n -> n.isAny("Softmax", "LogSoftmax"));
            if (!softmaxOnly || !node.isAny("Add", "Where")) {
                continue;
            }
            int first = node.is("Add") ? 0 : 1;
            for (int mask = first; mask < first + 2; mask++) {
                String other = node.input(2 * first + 1 - mask);
                String origin = origin(graph, node.input(mask));
                String constant =
                        MaskConstant.of(graph, origin).map(Initializer::name).orElse("");
                places.add(new Place(node.output(0), other, origin, constant));
            }
        }
        return places;
    }

    /// The constants that mask, with their smallest value.
    private static Map<String, Float> constants(Graph graph) {
        Map<String, Float> masks = new LinkedHashMap<>();
        for (Place place : places(graph)) {
            Initializer constant = graph.initializer(place.constant()).orElse(null);
            if (constant == null) {
                continue;
            }
            float low = lowest(constant);
            if (low < MASKED_BELOW) {
                masks.put(place.constant(), low);
            }
        }
        return masks;
    }

    /// The least value of a constant that holds nothing but 0 and that value; else 0. A table of biases by distance
    /// (ALiBi) has values in between, and each of them counts.
    private static float lowest(Initializer constant) {
        float low = 0;
        for (float value : constant.tensor().toFloats()) {
            if (value > 0 || low != 0 && value != 0 && value != low) {
                return 0;
            }
            low = Math.min(low, value);
        }
        return low;
    }

    private static Initializer bounded(Graph graph, String name, float bound) {
        Initializer constant = graph.initializer(name).orElseThrow();
        float[] values = constant.tensor().toFloats();
        for (int i = 0; i < values.length; i++) {
            values[i] = values[i] < MASKED_BELOW ? bound : values[i];
        }
        return Initializer.of(name, Tensor.of(constant.shape(), values));
    }

    /// What `value` is a part of, or another form of.
    private static String origin(Graph graph, String value) {
        String at = value;
        for (int i = 0; i < LONGEST_CHAIN; i++) {
            Node maker = graph.producer(at).orElse(null);
            if (maker == null || !maker.isAny(REARRANGING)) {
                return at;
            }
            at = maker.input(0);
        }
        return at;
    }

    /// e to the minus room is half a step of Softmax's output.
    private static double room(int bits) {
        return Math.log(2) * (bits + 1);
    }

    /// `choice`, made for the scores, with room below for what is masked.
    ///
    /// @param scores what was seen of the scores
    static RangeChoice withRoomBelow(RangeChoice choice, Histogram scores, Symmetry symmetry) {
        Encoding encoding = choice.encoding();
        int bits = encoding.grid().bits();
        double least = Math.min(encoding.min(), 0) - room(bits);
        Encoding wider = Encoding.ofRange(least, Math.max(encoding.max(), 0), bits, symmetry);
        return new RangeChoice(choice.search(), wider, ExpectedError.of(scores, wider));
    }
}
