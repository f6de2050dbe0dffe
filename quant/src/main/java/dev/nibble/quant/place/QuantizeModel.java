package dev.nibble.quant.place;

import dev.nibble.graph.Graph;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.Groups;
import dev.nibble.quant.IntegerGrid;
import dev.nibble.quant.LinearQuantization;
import dev.nibble.quant.QuantizedTensor;
import dev.nibble.quant.Scheme;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.TensorEncoding;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Fills a plan: encodings for every quantizer, codes for every constant.
///
/// Weights are quantized here by rounding to nearest, unless their codes were decided before. Bias and
/// accumulator must fit 32 bits and the requantization factor must not vanish; where they would not, the
/// weight's scale is raised:
///
/// - |bias / (s_x · s_w)| ≤ 2³⁰,
/// - s_x · s_w / s_y > 2⁻²⁴,
/// - |bias / (s_x · s_w)| + z_y · s_y / (s_x · s_w) < 2³¹.
public final class QuantizeModel {
    /// Keeps a factor of two below the int32 limit, for the products that are added to the bias.
    private static final double BIAS_LIMIT = 0x1p30;

    private static final double REQUANTIZATION_LIMIT = 0x1p-24;
    private static final double ACCUMULATOR_LIMIT = 0x1p31 - 1024;

    private final PlacementPlan plan;
    private final Graph graph;
    private final LinearQuantization linear = new LinearQuantization();
    private final TreeMap<String, Encoding> activations = new TreeMap<>();
    private final TreeMap<String, QuantizedTensor> weights = new TreeMap<>();
    private final TreeMap<String, QuantizedTensor> biases = new TreeMap<>();
    private final List<Finding> findings = new ArrayList<>();

    /// @param findings weights whose scale was raised, and the like
    public record Result(Quantization quantization, List<Finding> findings) {}

    private QuantizeModel(PlacementPlan plan) {
        this.plan = plan;
        this.graph = plan.model().graph();
    }

    /// The quantization of `plan` with weights by min-max.
    ///
    /// @param encodings the encoding chosen for each source in [PlacementPlan#observedBySource]
    /// @throws NibbleException where one is missing, or a weight is not finite
    public static Result apply(PlacementPlan plan, Map<String, Encoding> encodings) {
        return apply(plan, encodings, Map.of(), Map.of());
    }

    /// As [#apply(PlacementPlan, Map)], with choices for weights.
    ///
    /// @param weightEncodings encodings for some or all constants; min-max for the others
    /// @param codes constants whose rounding was decided; written verbatim
    public static Result apply(
            PlacementPlan plan,
            Map<String, Encoding> encodings,
            Map<String, TensorEncoding.Affine> weightEncodings,
            Map<String, QuantizedTensor> codes) {
        QuantizeModel run = new QuantizeModel(plan);
        Map<String, TensorEncoding.Affine> chosen = new TreeMap<>();
        for (WeightQuantizer weight : plan.weights()) {
            QuantizedTensor decided = codes.get(weight.name());
            if (plan.forced(weight.name()).orElse(null) instanceof Forced.Scales(TensorEncoding.Affine forced)) {
                chosen.put(weight.name(), forced);
            } else if (decided != null && decided.encoding() instanceof TensorEncoding.Affine affine) {
                chosen.put(weight.name(), affine);
            } else {
                TensorEncoding.Affine given = weightEncodings.get(weight.name());
                chosen.put(weight.name(), given != null ? given : run.minMax(weight));
            }
        }
        run.activations(encodings, chosen);
        plan.biases().forEach(b -> run.raiseScales(b, chosen, codes));
        run.checkWithoutBias(chosen, codes);
        for (WeightQuantizer weight : plan.weights()) {
            QuantizedTensor decided = codes.get(weight.name());
            TensorEncoding.Affine encoding = get(chosen, weight.name());
            run.weights.put(
                    weight.name(),
                    decided != null && decided.encoding().equals(encoding)
                            ? decided
                            : run.linear.quantize(weight.name(), run.tensor(weight.name()), encoding));
        }
        plan.biases().forEach(b -> run.bias(b, chosen));
        return new Result(
                new Quantization(run.activations, run.weights, run.biases, run.conversions(), plan.renamed()),
                List.copyOf(run.findings));
    }

    private static <V> V get(Map<String, V> map, String key) {
        V value = map.get(key);
        if (value == null) {
            throw new IllegalStateException("nothing is known of '" + key + "'");
        }
        return value;
    }

    private Tensor tensor(String name) {
        return graph.initializer(name).orElseThrow().tensor();
    }

    /// The encoding of a constant that covers all its values.
    private TensorEncoding.Affine minMax(WeightQuantizer weight) {
        Tensor values = linear.finite(weight.name(), tensor(weight.name()));
        return minMax(values, weight.scheme());
    }

    /// The encoding of `values` that covers them all, group by group.
    public static TensorEncoding.Affine minMax(Tensor values, Scheme.Integer scheme) {
        Groups groups = scheme.granularity().over(values.shape());
        float[] min = new float[groups.size()];
        float[] max = new float[groups.size()];
        groups.forEachRun((group, from, to) -> {
            for (long i = from; i < to; i++) {
                float value = values.floatAt(i);
                min[group] = Math.min(min[group], value);
                max[group] = Math.max(max[group], value);
            }
        });
        Symmetry symmetry = scheme.symmetry();
        if (symmetry == Symmetry.UNSIGNED_SYMMETRIC && anyNegative(min)) {
            symmetry = Symmetry.SYMMETRIC;
        }
        List<Encoding> encodings = new ArrayList<>();
        for (int i = 0; i < min.length; i++) {
            encodings.add(Encoding.ofRange(min[i], max[i], scheme.bits(), symmetry));
        }
        return TensorEncoding.Affine.of(scheme.granularity(), encodings);
    }

    private static boolean anyNegative(float[] values) {
        for (float value : values) {
            if (value < 0) {
                return true;
            }
        }
        return false;
    }

    private void activations(Map<String, Encoding> encodings, Map<String, TensorEncoding.Affine> constants) {
        for (ActivationQuantizer quantizer : plan.activations()) {
            TensorEncoding.Affine constant = constants.get(quantizer.source());
            Encoding encoding =
                    quantizer.fixed().orElse(constant != null ? constant.at(0) : encodings.get(quantizer.source()));
            if (encoding == null) {
                throw new NibbleException(
                        "no range is known for value '" + quantizer.source() + "'",
                        "calibrate it, or give an encoding for it");
            }
            if (encoding.grid().bits() != quantizer.scheme().bits()) {
                throw new NibbleException(
                        "value '%s' is to have %d bits, but its encoding has %d"
                                .formatted(
                                        quantizer.name(),
                                        quantizer.scheme().bits(),
                                        encoding.grid().bits()),
                        "give an encoding of the width that is wanted");
            }
            activations.put(quantizer.name(), encoding.grid().signed() ? unsigned(encoding) : encoding);
        }
    }

    /// The HTP prefers unsigned activations: signed ones lose some thirty operators.
    private static Encoding unsigned(Encoding encoding) {
        return encoding.flippedSign();
    }

    private TreeMap<String, Encoding> conversions() {
        TreeMap<String, Encoding> converted = new TreeMap<>();
        for (PlacementPlan.Conversion conversion : plan.conversions()) {
            Encoding from = get(activations, conversion.value());
            Encoding to = Encoding.ofRange(
                    from.min(),
                    from.max(),
                    conversion.toBits(),
                    conversion.symmetric() ? Symmetry.SYMMETRIC : Symmetry.ASYMMETRIC);
            converted.put(Quantization.edge(conversion), to);
        }
        return converted;
    }

    /// The encoding under which `node` reads the value at input 0.
    private Encoding read(String value, Node node) {
        return plan.conversions().stream()
                .filter(c -> c.input() == 0
                        && c.node().equals(node.output(0))
                        && c.value().equals(value))
                .findFirst()
                .map(c -> {
                    Encoding from = get(activations, value);
                    return Encoding.ofRange(from.min(), from.max(), c.toBits(), Symmetry.ASYMMETRIC);
                })
                .orElseGet(() -> get(activations, value));
    }

    private void raiseScales(
            BiasQuantizer bias, Map<String, TensorEncoding.Affine> chosen, Map<String, QuantizedTensor> codes) {
        TensorEncoding.Affine weight = chosen.get(bias.weight());
        if (weight != null) {
            Tensor values = linear.finite(bias.name(), tensor(bias.name()));
            chosen.put(bias.weight(), raised(bias.node(), bias.weight(), weight, values, codes));
        }
    }

    private void checkWithoutBias(Map<String, TensorEncoding.Affine> chosen, Map<String, QuantizedTensor> codes) {
        for (WeightQuantizer weight : plan.weights()) {
            if (weight.role() != WeightQuantizer.Role.WEIGHT) {
                continue;
            }
            for (Node node : weight.consumers()) {
                boolean hasBias = plan.biases().stream().anyMatch(b -> b.node().equals(node));
                if (!hasBias && activations.containsKey(node.input(0))) {
                    Tensor none = Tensor.of(Shape.of(1), 0f);
                    chosen.put(weight.name(), raised(node, weight.name(), get(chosen, weight.name()), none, codes));
                }
            }
        }
    }

    /// The smallest scale that the weights of an output channel may have; see the class comment.
    ///
    /// @param input the scale of what the layer reads
    /// @param output the encoding of what it makes; null where that is not known
    /// @param bias of the channel
    public static double leastScale(double input, @Nullable Encoding output, double bias) {
        double least = output == null ? 0 : output.scale() * REQUANTIZATION_LIMIT / input * (1 + 0x1p-20);
        double offset = output == null ? 0 : (double) output.zeroPoint() * output.scale();
        double magnitude = Math.abs(bias);
        return Math.max(
                least, Math.max(magnitude / (BIAS_LIMIT * input), (magnitude + offset) / (ACCUMULATOR_LIMIT * input)));
    }

    private TensorEncoding.Affine raised(
            Node node, String name, TensorEncoding.Affine weight, Tensor bias, Map<String, QuantizedTensor> codes) {
        double input = read(node.input(0), node).scale();
        Encoding output = activations.get(node.output(0));
        BiasGroups groups = new BiasGroups(weight, graph.shape(name).orElseThrow(), node, bias.elements());
        TensorEncoding.Affine changed = weight;
        int raised = 0;
        for (int i = 0; i < bias.elements(); i++) {
            double needed = leastScale(input, output, bias.floatAt(i));
            for (int group : groups.of(i)) {
                if (changed.scale(group) < needed) {
                    changed = changed.withScale(group, Math.nextUp((float) needed));
                    raised++;
                }
            }
        }
        if (raised > 0 && plan.isFrozen(name)) {
            findings.add(new Finding(
                    "Q113",
                    Finding.Severity.WARNING,
                    "%s: %d of %d scales that the overrides give to weight '%s' are so small that bias or accumulator do not"
                                    .formatted(node, raised, weight.groups(), name)
                            + " fit 32 bits; they are kept",
                    "leave '" + name + "' out of the overrides, or give it larger scales"));
            return weight;
        }
        if (raised > 0) {
            boolean decided = codes.containsKey(name);
            findings.add(new Finding(
                    "Q104",
                    decided ? Finding.Severity.WARNING : Finding.Severity.INFO,
                    "%s: %d of %d scales of weight '%s' were raised, so that bias and accumulator fit 32 bits%s"
                            .formatted(
                                    node,
                                    raised,
                                    weight.groups(),
                                    name,
                                    decided ? "; its decided codes were rounded anew" : ""),
                    "these weights are tiny beside the bias and lose a little precision; look at the layer if it is among the"
                            + " worst"));
        }
        return changed;
    }

    private void bias(BiasQuantizer bias, Map<String, TensorEncoding.Affine> chosen) {
        Tensor values = linear.finite(bias.name(), tensor(bias.name()));
        if (plan.forced(bias.name()).orElse(null) instanceof Forced.Scales(TensorEncoding.Affine forced)) {
            biases.put(bias.name(), linear.quantize(bias.name(), values, forced));
            return;
        }
        double input = read(bias.input(), bias.node()).scale();
        TensorEncoding.Affine weight = chosen.get(bias.weight());
        float[] scales;
        if (weight == null) {
            scales = new float[] {
                (float) (input * get(activations, bias.weight()).scale())
            };
        } else {
            BiasGroups groups =
                    new BiasGroups(weight, graph.shape(bias.weight()).orElseThrow(), bias.node(), values.elements());
            scales = new float[groups.scales()];
            for (int i = 0; i < scales.length; i++) {
                float largest = 0;
                for (int group : groups.of(i)) {
                    largest = Math.max(largest, weight.scale(group));
                }
                scales[i] = (float) input * largest;
            }
        }
        for (int i = 0; i < scales.length; i++) {
            scales[i] = Math.max(scales[i], Encoding.MINIMUM_SCALE);
        }
        Granularity granularity = scales.length == 1
                ? Granularity.PER_TENSOR
                : new Granularity.PerChannel(values.shape().rank() - 1);
        TensorEncoding.Affine encoding =
                new TensorEncoding.Affine(IntegerGrid.INT32, granularity, scales, new int[scales.length]);
        biases.put(bias.name(), linear.quantize(bias.name(), values, encoding));
    }

    /// Which scales of a weight belong to which value of the bias.
    private record BiasGroups(TensorEncoding.Affine weight, Shape shape, Node node, long values) {
        /// How many scales the bias has: one where the weight has one.
        int scales() {
            return weight.groups() == 1 || values == 1 ? 1 : Math.toIntExact(values);
        }

        /// The weight's groups of bias value `index`.
        int[] of(int index) {
            if (scales() == 1) {
                int[] all = new int[weight.groups()];
                Arrays.setAll(all, i -> i);
                return all;
            }
            return switch (weight.granularity()) {
                case Granularity.PerTensor() -> new int[] {0};
                case Granularity.PerChannel _ -> new int[] {index % weight.groups()};
                case Granularity.PerBlock(int axis, int size) -> blocks(index, axis, size);
            };
        }

        private int[] blocks(int index, int axis, int size) {
            int blocks = Math.toIntExact(Math.ceilDiv(shape.dim(axis), size));
            boolean channelFirst = node.is("Conv") || node.is("Gemm") && node.intAttribute("transB", 0) != 0;
            int channels = weight.groups() / blocks;
            int[] groups = new int[blocks];
            Arrays.setAll(groups, b -> channelFirst ? index * blocks + b : b * channels + index);
            return groups;
        }
    }
}
