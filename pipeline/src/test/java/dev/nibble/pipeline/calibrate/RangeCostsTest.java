package dev.nibble.pipeline.calibrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
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
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// Ranges of a residual stream with an outlier channel, as transformers have it.
class RangeCostsTest {
    private static final int CHANNELS = 64;
    private static final int TOKENS = 256;
    private static final float OUTLIER = 200;

    /// `LayerNormalization((−x + bias) + x0)`.
    private static Model residual() {
        float[] ones = new float[CHANNELS];
        float[] small = new float[CHANNELS];
        Arrays.fill(ones, 1);
        Arrays.fill(small, 0.1f);
        Shape shape = Shape.of(TOKENS, CHANNELS);
        return Model.of(
                8,
                17,
                Graph.of(
                        "residual",
                        List.of(
                                Node.of("n", "Neg", List.of("x"), List.of("layer")),
                                Node.of("b", "Add", List.of("layer", "bias"), List.of("biased")),
                                Node.of("r", "Add", List.of("biased", "x0"), List.of("sum")),
                                Node.of(
                                        "l",
                                        "LayerNormalization",
                                        List.of("sum", "gamma", "beta"),
                                        List.of("y"),
                                        Attribute.of("axis", -1))),
                        List.of(
                                Initializer.of("bias", Tensor.of(Shape.of(CHANNELS), small)),
                                Initializer.of("gamma", Tensor.of(Shape.of(CHANNELS), ones)),
                                Initializer.of("beta", Tensor.of(Shape.of(CHANNELS), small))),
                        List.of(ValueInfo.of("x", DataType.FLOAT, shape), ValueInfo.of("x0", DataType.FLOAT, shape)),
                        List.of(ValueInfo.of("y", DataType.FLOAT, shape))));
    }

    private static Tensor noise(long seed, boolean outlier) {
        Random random = new Random(seed);
        float[] values = new float[TOKENS * CHANNELS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        if (outlier) {
            // One channel of one token in 32, as special tokens of language models have it.
            for (int token = 0; token < TOKENS; token += 32) {
                values[token * CHANNELS] = -OUTLIER;
            }
        }
        return Tensor.of(Shape.of(TOKENS, CHANNELS), values);
    }

    @Test
    void whatANormalizationReadsIsCutWhereThatHelpsBehindIt() {
        PlacementPlan plan = Placement.plan(
                residual(), QuantSimConfig.htp(HtpArch.V75), Precision.of(8, WeightGranularity.CHANNEL, 8));
        Map<String, Tensor> inputs = Map.of("x", noise(1, true), "x0", noise(2, false));
        Map<String, Observation> observed = new HashMap<>();
        List<String> values = plan.observed();
        Executor.Options options = new Executor.Options(1, Executor.Optimization.DEFAULT);
        OrtExecutor executor = new OrtExecutor();
        List<String> inner =
                values.stream().filter(value -> !inputs.containsKey(value)).toList();
        try (Executor.Session session = executor.open(plan.model(), inner, options)) {
            Map<String, Tensor> seen = new HashMap<>(session.run(inputs));
            seen.putAll(inputs);
            for (String value : values) {
                Observer observer = new Observer(TOKENS * CHANNELS);
                observer.observe(Objects.requireNonNull(seen.get(value)), 0, 1);
                observed.put(value, observer.observation());
            }
        }
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
        Map<String, Ranges.Choice> chosen = ranges.best(plan, costs.costs(values));
        Encoding sum = Objects.requireNonNull(chosen.get("sum")).range().encoding();
        Encoding layer = Objects.requireNonNull(chosen.get("layer")).range().encoding();
        assertTrue(sum.max() < OUTLIER / 2, "the outlier leaves steps for the rest: " + sum);
        assertTrue(sum.max() > 4, "and the rest is not clipped: " + sum);
        assertTrue(layer.max() < OUTLIER / 2, "what only goes into the sum needs no wider range: " + layer);
    }

    @Test
    void onlyWhatANormalizationReadsIsSeenThrough() {
        assertEquals(Set.of("layer", "biased", "sum"), SeenThrough.of(residual().graph()));
    }
}
