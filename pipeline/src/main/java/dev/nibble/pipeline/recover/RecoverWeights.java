package dev.nibble.pipeline.recover;

import dev.nibble.data.Batch;
import dev.nibble.data.Batches;
import dev.nibble.data.DataSet;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.Progress;
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
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

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

    /// Samples a run: more are no faster, and cost memory.
    private static final int BATCH = 8;

    /// Room for a bias that grows while it is corrected.
    private static final double BIAS_MARGIN = 1.5;

    /// The part of the memory allowed that each of the two streams may keep activations in: calibration is over by
    /// now, and statistics, sessions and the models want the rest.
    private static final int STREAM_SHARE = 8;

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
    public record LayerOutcome(String node, String weight, double before, double after, Map<WeightStep, Double> steps) {
        public LayerOutcome {
            steps = Map.copyOf(steps);
        }
    }

    /// Decides the weights of `plan`.
    ///
    /// @param start every activation's encoding, and every weight rounded to nearest
    /// @param maxMemory bytes; an eighth of it holds what each of the two copies keeps between layers, the rest of that
    ///     goes to a temporary file
    public static Result of(
            PlacementPlan plan,
            Quantization start,
            Recipe recipe,
            DataSet data,
            Executor executor,
            int threads,
            long maxMemory,
            Progress progress) {
        Map<String, String> skipped = new LinkedHashMap<>();
        List<LinearLayer> layers = layers(plan, start, recipe, skipped);
        if (layers.isEmpty()) {
            return new Result(plan, Map.of(), List.of(), skipped);
        }
        SimulateActivations simulated = SimulateActivations.of(plan, start);
        Executor.Options options = new Executor.Options(threads, Executor.Optimization.DEFAULT);
        Map<String, QuantizedTensor> codes = new LinkedHashMap<>();
        Map<String, Initializer> biases = new LinkedHashMap<>();
        List<LayerOutcome> outcomes = new ArrayList<>();
        LinearQuantization linear = new LinearQuantization();
        List<Integer> sizes = new ArrayList<>();
        List<Integer> rows = new ArrayList<>();
        try (Progress.Stage stage = progress.begin("deciding weights", layers.size());
                MatrixProducts products = new MatrixProducts(executor, threads);
                LayerStream exact = new LayerStream(
                        plan.model(),
                        layers.stream().map(LinearLayer::input).toList(),
                        Map.of(),
                        maxMemory / STREAM_SHARE);
                LayerStream quantized = new LayerStream(
                        simulated.model(),
                        layers.stream().map(simulated::inputOf).toList(),
                        simulated.byteCodes(),
                        maxMemory / STREAM_SHARE)) {
            start.weights().forEach((name, rounded) -> quantized.put(Initializer.of(name, linear.dequantize(rounded))));
            load(data, exact, quantized, sizes, rows);
            for (LinearLayer layer : layers) {
                WeightSteps steps = recipe.weights(layer.node()).orElseThrow();
                DecideWeights.Decision decision =
                        decide(plan, start, layer, steps, exact, quantized, sizes, rows, executor, options, products);
                codes.put(layer.weight(), decision.codes());
                quantized.put(Initializer.of(layer.weight(), linear.dequantize(decision.codes())));
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
                    quantized.put(bias);
                }
                outcomes.add(new LayerOutcome(
                        layer.node().label(), layer.weight(), decision.before(), decision.after(), decision.steps()));
                stage.advance();
            }
        }
        Graph edited = plan.model().graph().edit(edit -> biases.values().forEach(edit::put));
        return new Result(plan.withModel(plan.model().withGraph(edited)), codes, outcomes, skipped);
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

    private static void load(
            DataSet data, LayerStream exact, LayerStream quantized, List<Integer> sizes, List<Integer> rows) {
        try (Batches batches = data.batches(BATCH)) {
            while (batches.hasNext()) {
                Batch batch = batches.next();
                exact.add(batch.inputs());
                quantized.add(batch.inputs());
                sizes.add(batch.size());
                long most = batch.inputs().values().stream()
                        .mapToLong(input -> LayerStream.leading(input.shape()))
                        .max()
                        .orElse(batch.size());
                rows.add((int) Math.max(most, batch.size()));
            }
        }
    }

    private static DecideWeights.Decision decide(
            PlacementPlan plan,
            Quantization start,
            LinearLayer layer,
            WeightSteps steps,
            LayerStream exact,
            LayerStream quantized,
            List<Integer> sizes,
            List<Integer> rows,
            Executor executor,
            Executor.Options options,
            MatrixProducts products) {
        Graph graph = plan.model().graph();
        Tensor stored = graph.initializer(layer.weight()).orElseThrow().tensor();
        float[] weights = layer.matrix(stored);
        float[] bias = layer.bias() == null
                ? new float[layer.outputs()]
                : graph.initializer(layer.bias()).orElseThrow().tensor().toFloats();
        LayerStatistics statistics = new LayerStatistics(layer, weights, bias, products);
        int samples = sizes.stream().mapToInt(Integer::intValue).sum();
        int wanted = Math.max(LEAST_POSITIONS, POSITIONS_PER_COLUMN * layer.depth());
        int perSample = Math.ceilDiv(wanted, samples);
        // Optimization would let ONNX Runtime quantize the float weights between the quantizers itself, per tensor.
        Executor.Options asWritten = new Executor.Options(options.threads(), Executor.Optimization.OFF);
        try (LayerStream.Piece floats = exact.open(executor, options);
                LayerStream.Piece rounded = quantized.open(executor, asWritten)) {
            for (int i = 0; i < sizes.size(); i++) {
                int index = i;
                floats.run(
                        i,
                        x -> rounded.run(index, xQuantized -> {
                            long positions = statistics.positions(x);
                            int valid = LayerStream.leading(x.shape()) == rows.get(index)
                                    ? (int) (positions * sizes.get(index) / rows.get(index))
                                    : (int) positions;
                            statistics.add(x, xQuantized, valid, perSample * sizes.get(index), index);
                        }));
            }
        }
        if (!(start.constant(layer.weight()).orElseThrow().encoding() instanceof TensorEncoding.Affine first)) {
            throw new IllegalStateException("'" + layer.weight() + "' has no integer codes");
        }
        return DecideWeights.decide(
                layer, stored.shape(), weights, bias, first, least(start, layer, bias), statistics, steps, products);
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
