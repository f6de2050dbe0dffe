package dev.nibble.pipeline.calibrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.observe.Observer;
import dev.nibble.quant.place.Placement;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.HtpArch;
import dev.nibble.target.QuantSimConfig;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// Attention's scores: a product, scaled and masked on its way to Softmax.
class AttentionScoresTest {
    private static final int TOKENS = 128;
    private static final float SCALE = 0.25f;
    private static final float FAR_BELOW = -300;

    /// `−Softmax(−x · 0.25 + mask)`; with `more`, the scaled product is an output too.
    private static PlacementPlan plan(boolean more) {
        float[] mask = new float[TOKENS * TOKENS];
        for (int row = 0; row < TOKENS; row++) {
            for (int column = row + 1; column < TOKENS; column++) {
                mask[row * TOKENS + column] = -1e9f;
            }
        }
        Shape shape = Shape.of(TOKENS, TOKENS);
        List<ValueInfo> outputs = new ArrayList<>(List.of(ValueInfo.of("y", DataType.FLOAT, shape)));
        if (more) {
            outputs.add(ValueInfo.of("scaled", DataType.FLOAT, shape));
        }
        Model model = Model.of(
                8,
                17,
                Graph.of(
                        "attention",
                        List.of(
                                Node.of("n", "Neg", List.of("x"), List.of("product")),
                                Node.of("s", "Mul", List.of("product", "scale"), List.of("scaled")),
                                Node.of("a", "Add", List.of("scaled", "mask"), List.of("masked")),
                                Node.of("p", "Softmax", List.of("masked"), List.of("attention")),
                                Node.of("o", "Neg", List.of("attention"), List.of("y"))),
                        List.of(
                                Initializer.of("scale", Tensor.of(Shape.SCALAR, SCALE)),
                                Initializer.of("mask", Tensor.of(shape, mask))),
                        List.of(ValueInfo.of("x", DataType.FLOAT, shape)),
                        outputs));
        return Placement.plan(model, QuantSimConfig.htp(HtpArch.V75), Precision.of(8, WeightGranularity.CHANNEL, 8));
    }

    /// Minus the products: scores from −4 to 4, one in ten far below all that Softmax sees, and large ones where a mask is.
    private static Tensor products() {
        Random random = new Random(7);
        float[] values = new float[TOKENS * TOKENS];
        for (int row = 0; row < TOKENS; row++) {
            for (int column = 0; column < TOKENS; column++) {
                double score = column > row ? 40 : random.nextInt(10) == 0 ? FAR_BELOW : random.nextDouble(-4, 4);
                values[row * TOKENS + column] = (float) (-score / SCALE);
            }
        }
        return Tensor.of(Shape.of(TOKENS, TOKENS), values);
    }

    private static Map<String, Encoding> chosen(PlacementPlan given) {
        Map<String, Tensor> inputs = Map.of("x", products());
        Map<String, Observation> observed = new HashMap<>();
        Executor.Options options = new Executor.Options(1, Executor.Optimization.DEFAULT);
        OrtExecutor executor = new OrtExecutor();
        List<String> values = given.observed();
        List<String> inner =
                values.stream().filter(value -> !inputs.containsKey(value)).toList();
        try (Executor.Session session = executor.open(MaskedScores.separable(given.model()), inner, options)) {
            Map<String, Tensor> seen = new HashMap<>(session.run(inputs));
            seen.putAll(inputs);
            for (String value : values) {
                Observer observer = new Observer(TOKENS * TOKENS);
                observer.observe(Objects.requireNonNull(seen.get(value)), 0, 1);
                observed.put(value, observer.observation());
            }
        }
        PlacementPlan plan = MaskedScores.bound(given, observed, 8);
        Ranges ranges =
                Ranges.search(plan, observed, Calibrator.named("auto", 99.99).searches());
        RangeCosts costs = new RangeCosts(
                plan.model(),
                ranges.encodings(plan),
                1,
                _ -> inputs,
                inputs,
                executor,
                options,
                MemoryBudget.DEFAULT,
                Progress.none());
        Map<String, Encoding> encodings = new HashMap<>();
        ranges.best(plan, costs.costs(values))
                .forEach((value, choice) -> encodings.put(value, choice.range().encoding()));
        return encodings;
    }

    private static Encoding of(Map<String, Encoding> encodings, String value) {
        return Objects.requireNonNull(encodings.get(value), value);
    }

    @Test
    void scoresFarBelowTheLargestNeedNoCodes() {
        Encoding read = of(chosen(plan(false)), "masked");
        assertEquals(4, read.max(), 2 * read.scale());
        assertTrue(read.min() > FAR_BELOW / 4, "nothing sees what lies deeper: " + read);
        // e⁻⁸ of the largest is a tenth of a step of Softmax; masked values stay below by ln 512 more.
        assertTrue(read.min() < -8, "every score that counts has a code: " + read);
    }

    @Test
    void whatScoresAreMadeOfHasTheSameCodes() {
        Map<String, Encoding> encodings = chosen(plan(false));
        Encoding read = of(encodings, "masked");
        assertEquals(read, of(encodings, "scaled"));
        Encoding product = of(encodings, "product");
        assertEquals(read.zeroPoint(), product.zeroPoint());
        assertEquals(read.scale() / SCALE, product.scale(), Math.ulp(product.scale()));
    }

    @Test
    void whatIsReadElsewhereTooKeepsItsOwnRange() {
        Map<String, Encoding> encodings = chosen(plan(true));
        assertNotEquals(of(encodings, "masked"), of(encodings, "scaled"));
        assertTrue(of(encodings, "scaled").min() < 0.9 * FAR_BELOW, "the output is kept whole");
    }
}
