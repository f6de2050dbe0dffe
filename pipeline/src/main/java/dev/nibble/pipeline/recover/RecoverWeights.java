package dev.nibble.pipeline.recover;

import dev.nibble.data.DataSet;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.LinearQuantization;
import dev.nibble.quant.QuantizedTensor;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Quantization;
import dev.nibble.quant.place.QuantizeModel;
import dev.nibble.quant.place.WeightQuantizer;
import dev.nibble.quant.weight.DecideWeights;
import dev.nibble.quant.weight.LayerStatistics;
import dev.nibble.quant.weight.LinearLayer;
import dev.nibble.quant.weight.MatrixProducts;
import dev.nibble.quant.weight.SimulateActivations;
import dev.nibble.quant.weight.WeightStep;
import dev.nibble.quant.weight.WeightSteps;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Decides the weights of a model layer by layer in the graph's order, each by what it reads once everything before it
/// is quantized: weights that were decided just before, activations on their grids.
///
/// Two copies of the model run side by side over the samples, the float one and the quantized one, piece by piece.
public final class RecoverWeights {
    /// Positions that are looked at for each column of a layer's matrix. The covariance of a layer that reads 576
    /// numbers is known to a few percent after 23,000 positions, and more cost time without changing a code that
    /// matters.
    private static final int POSITIONS_PER_COLUMN = 40;

    private static final int LEAST_POSITIONS = 16_384;

    /// Room for a bias that grows while it is corrected.
    private static final double BIAS_MARGIN = 1.5;

    private RecoverWeights() {}

    /// What was decided.
    ///
    /// @param plan with the corrected biases in its model
    /// @param codes of each weight that was decided
    /// @param layers in order, what rounding to nearest and the decision cost at the layer's output
    /// @param skipped weights that were left to rounding to nearest, by the label of their operator, with the reason
    public record Result(
            PlacementPlan plan,
            Map<String, QuantizedTensor> codes,
            List<LayerOutcome> layers,
            Map<String, String> skipped) {}

    /// @param before error at the output relative to its variance, rounding to nearest
    /// @param after the same with what was decided
    /// @param steps the same after each step that was taken
    /// @param raised the damping that the covariance took, as a share of its mean diagonal, where what was asked for did
    ///     not do; else 0
    public record LayerOutcome(
            String node, String weight, double before, double after, Map<WeightStep, Double> steps, double raised) {
        public LayerOutcome {
            steps = Map.copyOf(steps);
        }
    }

    /// Decides the weights of `plan`.
    ///
    /// @param start every activation's encoding, and every weight rounded to nearest
    /// @param maxMemory bytes; an eighth of it holds what each of the two copies keeps between layers, the rest of that
    ///     goes to a temporary file
    /// @param run keeps each layer's decision
    public static Result of(
            PlacementPlan plan,
            Quantization start,
            Recipe recipe,
            DataSet data,
            Executor executor,
            int threads,
            long maxMemory,
            RunDirectory run,
            Progress progress) {
        Map<String, String> skipped = new LinkedHashMap<>();
        List<LinearLayer> layers = layers(plan, start, recipe, skipped);
        if (layers.isEmpty()) {
            return new Result(plan, Map.of(), List.of(), skipped);
        }
        Map<String, QuantizedTensor> codes = new LinkedHashMap<>();
        Map<String, Initializer> biases = new LinkedHashMap<>();
        List<LayerOutcome> outcomes = new ArrayList<>();
        LinearQuantization linear = new LinearQuantization();
        RunDirectory.Key key = run.keeps() ? run.key("start", followed(plan, start)) : new RunDirectory.Key("", "");
        SimulateActivations simulated = SimulateActivations.of(plan, start);
        try (Progress.Stage stage = progress.begin("deciding weights", layers.size());
                MatrixProducts products = new MatrixProducts(executor, threads);
                PairedStreams streams = new PairedStreams(
                        plan,
                        simulated,
                        layers.stream().map(LinearLayer::input).toList(),
                        layers.stream()
                                .map(layer -> simulated.inputOf(layer.node()))
                                .toList(),
                        data,
                        executor,
                        threads,
                        maxMemory)) {
            start.weights().forEach((name, rounded) -> streams.put(Initializer.of(name, linear.dequantize(rounded))));
            for (int i = 0; i < layers.size(); i++) {
                LinearLayer layer = layers.get(i);
                WeightSteps steps = steps(plan, recipe, layer);
                TensorEncoding.Affine first = affine(start, layer);
                Shape shape = plan.model()
                        .graph()
                        .initializer(layer.weight())
                        .orElseThrow()
                        .shape();
                key = run.keeps() ? run.key("layer", key.hash(), layer.weight(), steps) : key;
                Optional<DecideWeights.Decision> kept =
                        run.read(key, "layer " + layer.node().label(), in -> StageContents.decision(shape, first, in));
                DecideWeights.Decision decision;
                if (kept.isPresent()) {
                    decision = kept.get();
                } else {
                    decision = decide(plan, start, layer, i, steps, streams, products);
                    DecideWeights.Decision made = decision;
                    run.write(key, out -> StageContents.write(made, out));
                }
                codes.put(layer.weight(), decision.codes());
                streams.put(Initializer.of(layer.weight(), linear.dequantize(decision.codes())));
                if (layer.bias() != null) {
                    Initializer bias = Initializer.of(
                            layer.bias(),
                            Tensor.of(
                                    plan.model()
                                            .graph()
                                            .initializer(layer.bias())
                                            .orElseThrow()
                                            .shape(),
                                    decision.bias()));
                    biases.put(layer.bias(), bias);
                    streams.put(bias);
                }
                if (decision.untouched() > 0) {
                    skipped.put(layer.node().label(), unvaried(decision.untouched(), layer.groups()));
                }
                outcomes.add(new LayerOutcome(
                        layer.node().label(),
                        layer.weight(),
                        decision.before(),
                        decision.after(),
                        decision.steps(),
                        decision.damping() > steps.damping() ? decision.damping() : 0));
                stage.advance();
            }
        }
        Graph edited = plan.model().graph().edit(edit -> biases.values().forEach(edit::put));
        return new Result(plan.withModel(plan.model().withGraph(edited)), codes, outcomes, skipped);
    }

    private static String unvaried(int untouched, int groups) {
        return (groups == 1 ? "what it reads" : "what %d of its %d groups read".formatted(untouched, groups))
                + " is the same on all samples, so its weights were rounded to nearest";
    }

    /// Everything that decisions depend on, beside the samples.
    private static Object[] followed(PlacementPlan plan, Quantization start) {
        List<Object> all = new ArrayList<>(StageContents.parts(plan.model()));
        all.addAll(List.of(start.activations(), start.conversions(), plan.conversions()));
        start.weights().forEach((name, rounded) -> {
            all.add(name);
            all.add(rounded.codes().data());
            if (rounded.encoding() instanceof TensorEncoding.Affine affine) {
                all.add(List.of(affine.grid(), affine.granularity(), Arrays.toString(affine.scales())));
            }
        });
        return all.toArray();
    }

    private static TensorEncoding.Affine affine(Quantization start, LinearLayer layer) {
        if (!(start.constant(layer.weight()).orElseThrow().encoding() instanceof TensorEncoding.Affine first)) {
            throw new IllegalStateException("'" + layer.weight() + "' has no integer codes");
        }
        return first;
    }

    private static List<LinearLayer> layers(
            PlacementPlan plan, Quantization start, Recipe recipe, Map<String, String> skipped) {
        Graph graph = plan.model().graph();
        List<LinearLayer> layers = new ArrayList<>();
        for (WeightQuantizer weight : plan.weights()) {
            if (weight.role() != WeightQuantizer.Role.WEIGHT) {
                continue;
            }
            String label = weight.consumers().isEmpty()
                    ? weight.name()
                    : weight.consumers().getFirst().label();
            switch (LinearLayer.of(graph, weight)) {
                case LinearLayer.Seen.Refused(String reason) -> skipped.put(label, reason);
                case LinearLayer.Seen.Layer(LinearLayer layer) -> {
                    QuantizedTensor rounded = start.weights().get(weight.name());
                    if (rounded == null || !(rounded.encoding() instanceof TensorEncoding.Affine affine)) {
                        skipped.put(label, "its weight is not quantized");
                    } else if (recipe.weights(layer.node()).isEmpty()) {
                        skipped.put(label, "it is in no step's scope");
                    } else {
                        DecideWeights.obstacle(layer, affine)
                                .ifPresentOrElse(why -> skipped.put(label, why), () -> layers.add(layer));
                    }
                }
            }
        }
        Map<String, Integer> order = new HashMap<>();
        for (int i = 0; i < graph.nodes().size(); i++) {
            order.put(graph.nodes().get(i).output(0), i);
        }
        layers.sort(
                Comparator.comparingInt(layer -> order.getOrDefault(layer.node().output(0), Integer.MAX_VALUE)));
        return layers;
    }

    /// The steps for `layer`, less those that would change what is given.
    private static WeightSteps steps(PlacementPlan plan, Recipe recipe, LinearLayer layer) {
        WeightSteps steps = recipe.weights(layer.node()).orElseThrow();
        if (plan.isFrozen(layer.weight())) {
            steps = steps.withFixedScales();
        }
        return layer.bias() != null && plan.isFrozen(layer.bias()) ? steps.withFixedBias() : steps;
    }

    private static DecideWeights.Decision decide(
            PlacementPlan plan,
            Quantization start,
            LinearLayer layer,
            int index,
            WeightSteps steps,
            PairedStreams streams,
            MatrixProducts products) {
        Graph graph = plan.model().graph();
        Tensor stored = graph.initializer(layer.weight()).orElseThrow().tensor();
        float[] weights = layer.matrix(stored);
        float[] bias = layer.bias() == null
                ? new float[layer.outputs()]
                : graph.initializer(layer.bias()).orElseThrow().tensor().toFloats();
        LayerStatistics statistics = new LayerStatistics(layer, weights, bias, products);
        int wanted = Math.max(LEAST_POSITIONS, POSITIONS_PER_COLUMN * layer.depth());
        streams.gather(index, (x, seen, batch, samples) -> {
            long valid = batch.valid(statistics.positions(x), LayerStream.leading(x.shape()));
            statistics.add(x, seen, (int) valid, Math.ceilDiv(wanted, samples) * batch.size(), batch.index());
        });
        double[] least = plan.isFrozen(layer.weight()) ? new double[bias.length] : least(start, layer, bias);
        return DecideWeights.decide(
                layer, stored.shape(), weights, bias, affine(start, layer), least, statistics, steps, products);
    }

    private static double[] least(Quantization start, LinearLayer layer, float[] bias) {
        double[] least = new double[bias.length];
        Encoding input = start.activations().get(layer.input());
        Encoding output = start.activations().get(layer.node().output(0));
        for (int i = 0; i < least.length && input != null; i++) {
            least[i] = QuantizeModel.leastScale(input.scale(), output, BIAS_MARGIN * bias[i]);
        }
        return least;
    }
}
