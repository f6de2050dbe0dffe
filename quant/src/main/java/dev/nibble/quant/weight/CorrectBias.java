package dev.nibble.quant.weight;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.LinearQuantization;
import dev.nibble.quant.place.BiasQuantizer;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Quantization;
import dev.nibble.quant.place.WeightQuantizer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Takes the mean error that rounding a weight puts into each output channel out through the bias:
/// `b += E[(W − Ŵ) x]`, with the mean of the layer's float input measured on samples (bias correction; Nagel et al.,
/// *Data-Free Quantization Through Weight Equalization and Bias Correction*, ICCV 2019, with the measured mean in
/// place of the one that batch norm implies). Where there are no samples, [#analytic] takes that one.
///
/// The mean is taken position by position, so that a convolution's padding counts exactly. Layers are corrected one by
/// one, each for its own rounding, not for what came before it.
public final class CorrectBias {
    private CorrectBias() {}

    /// @param plan the plan with corrected biases in its model
    /// @param corrected layers whose bias was corrected
    /// @param skipped layers with quantized weights whose bias was left as it is, with the reason
    /// @param analytic whether means follow from batch norms, and not from samples
    public record Result(PlacementPlan plan, List<String> corrected, Map<String, String> skipped, boolean analytic) {}

    /// The values whose means are needed to correct the operators in `scope`.
    public static Set<String> inputs(PlacementPlan plan, Scope scope) {
        Set<String> inputs = new LinkedHashSet<>();
        layers(plan).stream()
                .filter(bias -> scope.includes(bias.node()))
                .forEach(bias -> inputs.add(bias.node().input(0)));
        return inputs;
    }

    /// The layers with a quantized weight and a constant bias of their own, which is quantized or stays in float.
    private static List<BiasQuantizer> layers(PlacementPlan plan) {
        Graph graph = plan.model().graph();
        Map<String, BiasQuantizer> layers = new LinkedHashMap<>(plan.biasesByName());
        for (WeightQuantizer weight : plan.weights()) {
            for (Node node : weight.consumers()) {
                if (weight.role() == WeightQuantizer.Role.WEIGHT
                        && node.isAny("Conv", "Gemm")
                        && node.input(1).equals(weight.name())
                        && graph.initializer(node.input(2)).isPresent()
                        && graph.consumers(node.input(2)).size() == 1
                        && !graph.isOutput(node.input(2))) {
                    layers.putIfAbsent(
                            node.input(2), new BiasQuantizer(node.input(2), node, node.input(0), weight.name()));
                }
            }
        }
        layers.values()
                .removeIf(bias -> !bias.node().isAny("Conv", "ConvTranspose", "Gemm")
                        || plan.isFrozen(bias.name())
                        || plan.isFrozen(bias.weight()));
        return List.copyOf(layers.values());
    }

    /// Layers with a quantized weight whose error no bias of their own can take.
    private static Map<String, String> unbiased(PlacementPlan plan, Set<String> biases) {
        Map<String, String> left = new LinkedHashMap<>();
        for (WeightQuantizer weight : plan.weights()) {
            for (Node node : weight.consumers()) {
                boolean linear = node.isAny("Conv", "ConvTranspose", "Gemm", "MatMul");
                if (linear && plan.isFrozen(weight.name())) {
                    left.put(node.label(), "the encoding of its weight is given, so its bias stays as it is");
                } else if (linear && (node.inputs().size() < 3 || !biases.contains(node.input(2)))) {
                    left.put(node.label(), "it has no constant bias that is its alone");
                }
            }
        }
        return left;
    }

    /// Corrects the biases of `plan` for the weights of `quantization`.
    ///
    /// @param scope operators that are corrected
    /// @param means of each value in [#inputs], over samples: FLOAT, a leading axis of 1
    public static Result apply(PlacementPlan plan, Quantization quantization, Scope scope, Map<String, Tensor> means) {
        return apply(plan, quantization, scope, means, Map.of(), false);
    }

    /// As [#apply], without samples: with the means that batch norms imply.
    ///
    /// @param statistics by value of the plan's model; see [BatchNormStatistics]
    public static Result analytic(
            PlacementPlan plan, Quantization quantization, Scope scope, Map<String, BatchNormStatistics> statistics) {
        AnalyticMeans.Result means = AnalyticMeans.of(plan.model().graph(), inputs(plan, scope), statistics);
        return apply(plan, quantization, scope, means.known(), means.unknown(), true);
    }

    private static Result apply(
            PlacementPlan plan,
            Quantization quantization,
            Scope scope,
            Map<String, Tensor> means,
            Map<String, String> unknown,
            boolean analytic) {
        Graph graph = plan.model().graph();
        LinearQuantization linear = new LinearQuantization();
        Map<String, Initializer> changed = new LinkedHashMap<>();
        List<String> corrected = new ArrayList<>();
        Map<String, String> skipped = new LinkedHashMap<>();
        for (BiasQuantizer bias : layers(plan)) {
            Node node = bias.node();
            if (!scope.includes(node)) {
                skipped.put(node.label(), "it is not in the step's scope");
                continue;
            }
            Tensor mean = means.get(node.input(0));
            var codes = quantization.weights().get(bias.weight());
            if (mean == null || codes == null) {
                String reason =
                        unknown.getOrDefault(node.input(0), "its input's mean or its weight's codes are not known");
                skipped.put(node.label(), reason);
                continue;
            }
            Tensor exact = graph.initializer(bias.weight()).orElseThrow().tensor();
            Tensor rounded = linear.dequantize(codes);
            Tensor old = graph.initializer(bias.name()).orElseThrow().tensor();
            float[] values = old.toFloats();
            double[] shift = switch (node.opType()) {
                case "Conv" -> convolution(node, exact, rounded, mean);
                case "Gemm" -> gemm(node, exact, rounded, mean);
                default -> null;
            };
            if (shift == null || shift.length != values.length) {
                skipped.put(node.label(), "no rule for this form of " + node.opType());
                continue;
            }
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (values[i] + shift[i]);
            }
            changed.put(bias.name(), Initializer.of(bias.name(), Tensor.of(old.shape(), values)));
            corrected.add(node.label());
        }
        unbiased(plan, changed.keySet()).forEach(skipped::putIfAbsent);
        Graph edited = graph.edit(edit -> changed.values().forEach(edit::put));
        return new Result(plan.withModel(plan.model().withGraph(edited)), corrected, skipped, analytic);
    }

    /// Mean over output positions of the convolution of `mean` with the weight's error; null for 3-D.
    private static double @org.jspecify.annotations.Nullable [] convolution(
            Node node, Tensor exact, Tensor rounded, Tensor mean) {
        Shape weight = exact.shape();
        int spatial = weight.rank() - 2;
        if (spatial < 1
                || spatial > 2
                || mean.shape().rank() != weight.rank()
                || !node.stringAttribute("auto_pad", "NOTSET").equals("NOTSET")) {
            return null;
        }
        boolean flat = spatial == 1;
        int groups = (int) node.intAttribute("group", 1);
        int outputs = (int) weight.dim(0);
        int perGroup = (int) weight.dim(1);
        int kernelHeight = flat ? 1 : (int) weight.dim(2);
        int kernelWidth = (int) weight.dim(-1);
        int height = flat ? 1 : (int) mean.shape().dim(2);
        int width = (int) mean.shape().dim(-1);
        Window rows = flat ? new Window(1, 1, 0, 0, 1) : window(node, 0, spatial, kernelHeight);
        Window columns = window(node, spatial - 1, spatial, kernelWidth);
        double[] shift = new double[outputs];
        for (int k = 0; k < kernelHeight * kernelWidth; k++) {
            double[] seen = seen(mean, rows, columns, k / kernelWidth, k % kernelWidth, height, width);
            for (int o = 0; o < outputs; o++) {
                int first = o / (outputs / groups) * perGroup;
                for (int c = 0; c < perGroup; c++) {
                    long at = ((long) o * perGroup + c) * kernelHeight * kernelWidth + k;
                    shift[o] += ((double) exact.floatAt(at) - rounded.floatAt(at)) * seen[first + c];
                }
            }
        }
        return shift;
    }

    /// One axis of a convolution.
    private record Window(int stride, int dilation, int before, int after, int kernel) {
        int outputs(int size) {
            return (size + before + after - dilation * (kernel - 1) - 1) / stride + 1;
        }
    }

    private static Window window(Node node, int axis, int spatial, int kernel) {
        long[] strides = node.intsAttribute("strides");
        long[] dilations = node.intsAttribute("dilations");
        long[] pads = node.intsAttribute("pads");
        return new Window(
                strides.length == 0 ? 1 : (int) strides[axis],
                dilations.length == 0 ? 1 : (int) dilations[axis],
                pads.length == 0 ? 0 : (int) pads[axis],
                pads.length == 0 ? 0 : (int) pads[axis + spatial],
                kernel);
    }

    /// For each input channel, the mean over output positions of what the kernel's element (`row`, `column`) sees.
    private static double[] seen(Tensor mean, Window rows, Window columns, int row, int column, int height, int width) {
        int channels = (int) mean.shape().dim(1);
        int outRows = rows.outputs(height);
        int outColumns = columns.outputs(width);
        double[] seen = new double[channels];
        for (int c = 0; c < channels; c++) {
            double sum = 0;
            for (int i = 0; i < outRows; i++) {
                int y = i * rows.stride + row * rows.dilation - rows.before;
                for (int j = 0; j < outColumns && y >= 0 && y < height; j++) {
                    int x = j * columns.stride + column * columns.dilation - columns.before;
                    if (x >= 0 && x < width) {
                        sum += mean.floatAt(((long) c * height + y) * width + x);
                    }
                }
            }
            seen[c] = sum / ((double) outRows * outColumns);
        }
        return seen;
    }

    private static double @org.jspecify.annotations.Nullable [] gemm(
            Node node, Tensor exact, Tensor rounded, Tensor mean) {
        boolean plain = node.floatAttribute("alpha", 1) == 1
                && node.floatAttribute("beta", 1) == 1
                && node.intAttribute("transA", 0) == 0;
        if (!plain || exact.shape().rank() != 2) {
            return null;
        }
        boolean transposed = node.intAttribute("transB", 0) != 0;
        int inputs = (int) exact.shape().dim(transposed ? 1 : 0);
        int outputs = (int) exact.shape().dim(transposed ? 0 : 1);
        if (mean.elements() != inputs) {
            return null;
        }
        double[] shift = new double[outputs];
        for (int o = 0; o < outputs; o++) {
            for (int i = 0; i < inputs; i++) {
                long at = transposed ? (long) o * inputs + i : (long) i * outputs + o;
                shift[o] += ((double) exact.floatAt(at) - rounded.floatAt(at)) * mean.floatAt(i);
            }
        }
        return shift;
    }
}
