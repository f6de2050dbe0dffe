package dev.nibble.pipeline.calibrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.observe.Observer;
import dev.nibble.quant.place.Placement;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.target.HtpArch;
import dev.nibble.target.QuantSimConfig;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class MaskedScoresTest {
    /// e^−6.24 is half of 1/256.
    private static final double ROOM = Math.log(2) * 9;

    private static final PlacementPlan PLAN =
            Placement.plan(attention(), QuantSimConfig.htp(HtpArch.V75), Precision.of(8, WeightGranularity.CHANNEL, 8));

    /// Scores of four positions behind a mask of −1e9 that reaches them through a Slice.
    private static Model attention() {
        Shape shape = Shape.of(1, 4);
        return Model.of(
                8,
                17,
                Graph.of(
                        "attention",
                        List.of(
                                Node.of("h", "Neg", List.of("x"), List.of("scores")),
                                Node.of("s", "Slice", List.of("causal", "zero", "four"), List.of("mask")),
                                Node.of("a", "Add", List.of("scores", "mask"), List.of("masked")),
                                Node.of("p", "Softmax", List.of("masked"), List.of("y"))),
                        List.of(
                                Initializer.of("causal", Tensor.of(Shape.of(8), 0f, 0f, -1e9f, -1e9f, 0, 0, 0, 0)),
                                Initializer.of("zero", Tensor.of(Shape.of(1), 0L)),
                                Initializer.of("four", Tensor.of(Shape.of(1), 4L))),
                        List.of(ValueInfo.of("x", DataType.FLOAT, shape)),
                        List.of(ValueInfo.of("y", DataType.FLOAT, shape))));
    }

    private static Map<String, Observation> observed(float... scores) {
        Map<String, Observation> observed = new HashMap<>();
        for (String value : PLAN.observed()) {
            Observer observer = new Observer();
            float[] seen = scores.clone();
            if (value.equals("masked")) {
                seen[2] -= 1e6f;
                seen[3] -= 1e6f;
            }
            observer.observe(Tensor.of(Shape.of(1, 4), seen), 0, 1);
            observed.put(value, observer.observation());
        }
        return observed;
    }

    @Test
    void masksAreSeparatedForObservationOnly() {
        Model separable = MaskedScores.separable(PLAN.model());
        assertEquals(-1e6f, mask(separable, 2));
        assertEquals(0, mask(separable, 1));
        assertEquals(-100, mask(PLAN.model(), 2), "the plan's own mask stays");
    }

    /// A bias that grows with distance, as ALiBi adds it, reaches below any score too, but is no mask.
    @Test
    void aTableOfBiasesIsKept() {
        Model plan = PLAN.model();
        float[] distances = {0, -20, -40, -60, -80, -100, -120, -140};
        Model alibi = plan.withGraph(plan.graph()
                .edit(edit -> edit.put(Initializer.of("causal", Tensor.of(Shape.of(8), distances)))));
        Model separable = MaskedScores.separable(alibi);
        for (int i = 0; i < distances.length; i++) {
            assertEquals(distances[i], mask(separable, i));
        }
    }

    private static float mask(Model model, int index) {
        return model.graph().initializer("causal").orElseThrow().tensor().floatAt(index);
    }

    @Test
    void eachMaskIsListedWithTheRangeBehindIt() {
        Map<String, Observation> observed = observed(8, -12, 50, 40);
        Encoding range = Encoding.ofRange(-18.3, 8, 8, Symmetry.ASYMMETRIC);
        MaskedScores.Found found =
                MaskedScores.found(PLAN, observed, Map.of("masked", range)).getFirst();
        // Scores are counted in bins; the ends of what masking leaves are those of bins.
        assertEquals(-12, found.least(), 0.05);
        assertEquals(
                new MaskedScores.Found("causal", true, -100, "masked", List.of("p"), found.least(), 8, range), found);
        assertEquals(ROOM, found.zeroBelow(), 1e-12);
        assertEquals(
                "mask 'causal' found before Softmax: the scores in 'masked' reach from -12.01 to 8.000, and their range is"
                        + " %.4g to %.4g; with what is masked it would begin at the mask's own value"
                                .formatted(range.min(), range.max()),
                MaskedScores.findings(List.of(found)).getFirst().text());
    }

    /// Masked scores of 50 and 40 must not count; −12 to 8 do, and a little room below.
    @Test
    void theScoresAloneSetTheRange() {
        Map<String, Observation> observed = observed(8, -12, 50, 40);
        Encoding encoding = Objects.requireNonNull(Ranges.search(PLAN, observed, List.of(new RangeSearch.MinMax()))
                        .candidates()
                        .get("masked"))
                .choices()
                .values()
                .iterator()
                .next()
                .encoding();
        // A bin is 2⁻¹⁰ wide, and the zero point is rounded to a step.
        assertEquals(-12 - ROOM, encoding.min(), 12.0 / 1024 + encoding.scale());
        assertEquals(8, encoding.max(), encoding.scale());
    }

    /// A masked 50 less 100 would lie above a score of −60.
    @Test
    void theMaskGoesAsFarDownAsTheScoresNeed() {
        PlacementPlan bound = MaskedScores.bound(PLAN, observed(8, -60, 50, 40), 8);
        assertTrue(mask(bound.model(), 2) <= -110 - ROOM, "mask " + mask(bound.model(), 2));
        PlacementPlan shallow = MaskedScores.bound(PLAN, observed(8, -12, 5, 4), 8);
        assertEquals(-100, mask(shallow.model(), 2));
    }

    /// `(1 − attention_mask) · −3.4e38`, as BERT computes it.
    @Test
    void aComputedMaskIsBoundedToo() {
        Shape shape = Shape.of(1, 4);
        Model model = Model.of(
                8,
                17,
                Graph.of(
                        "bert",
                        List.of(
                                Node.of("h", "Neg", List.of("x"), List.of("scores")),
                                Node.of("c", "Cast", List.of("given"), List.of("kept"), Attribute.of("to", 1)),
                                Node.of("s", "Sub", List.of("one", "kept"), List.of("left")),
                                Node.of("m", "Mul", List.of("left", "least"), List.of("depth")),
                                Node.of("a", "Add", List.of("scores", "depth"), List.of("masked")),
                                Node.of("p", "Softmax", List.of("masked"), List.of("y"))),
                        List.of(
                                Initializer.of("one", Tensor.of(Shape.SCALAR, 1f)),
                                Initializer.of("least", Tensor.of(Shape.SCALAR, -3.4e38f))),
                        List.of(ValueInfo.of("x", DataType.FLOAT, shape), ValueInfo.of("given", DataType.INT64, shape)),
                        List.of(ValueInfo.of("y", DataType.FLOAT, shape))));
        PlacementPlan plan =
                Placement.plan(model, QuantSimConfig.htp(HtpArch.V75), Precision.of(8, WeightGranularity.CHANNEL, 8));
        assertEquals(-100, least(plan.model()));
        assertEquals(-1e6f, least(MaskedScores.separable(plan.model())));
        Map<String, Observation> observed = new HashMap<>(Map.of(
                "scores", seen(-60, 8, 50),
                "depth", seen(-1e6f, 0),
                "masked", seen(-60, 8, 50 - 1e6f)));
        PlacementPlan bound = MaskedScores.bound(plan, observed, 8);
        assertTrue(least(bound.model()) <= -110 - ROOM, "mask " + least(bound.model()));
        Encoding encoding = Objects.requireNonNull(
                        Ranges.search(bound, MaskedScores.asBounded(bound, observed), List.of(new RangeSearch.MinMax()))
                                .candidates()
                                .get("depth"))
                .choices()
                .values()
                .iterator()
                .next()
                .encoding();
        assertEquals(least(bound.model()), encoding.min(), encoding.scale());
        assertEquals(0, encoding.max());
    }

    private static Observation seen(float... values) {
        Observer observer = new Observer();
        observer.observe(Tensor.of(Shape.of(1, values.length), values), 0, 1);
        return observer.observation();
    }

    private static float least(Model model) {
        return model.graph().initializer("least").orElseThrow().tensor().floatAt(0);
    }
}
