package dev.nibble.quant.encodings;

import dev.nibble.graph.Shape;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.QuantizedTensor;
import dev.nibble.quant.Scheme;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.Layout;
import dev.nibble.quant.place.ActivationQuantizer;
import dev.nibble.quant.place.Forced;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Quantization;
import dev.nibble.quant.place.WeightQuantizer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/// Writes a quantization as an AIMET encodings file: the projection of a plan in which supergroups carry no
/// inner quantizers.
///
/// Values that only pass an encoding on are listed in 2.0.0; earlier versions leave them to the converter.
/// Weights have the offset −2ᵇ⁻¹ that QAIRT asks of symmetric ones, though codes on a strict grid do not use
/// the lowest.
public final class EncodingsWriter {
    private EncodingsWriter() {}

    /// The file's text.
    ///
    /// @throws NibbleException where 0.6.1 is asked for blocks, which it cannot express
    public static String text(PlacementPlan plan, Quantization quantization, EncodingsVersion version) {
        return text(plan, quantization, version, Map.of());
    }

    /// As [#text(PlacementPlan, Quantization, EncodingsVersion)], with entries that were given.
    ///
    /// @param verbatim of constants, by name; written as they are: weights as multiples of their channels' scales, and
    ///     biases that are not quantized here, in the versions that list biases
    public static String text(
            PlacementPlan plan,
            Quantization quantization,
            EncodingsVersion version,
            Map<String, ? extends EncodingEntry> verbatim) {
        return EncodingsText.of(entries(plan, quantization, version, verbatim), version);
    }

    private static Encodings entries(
            PlacementPlan plan,
            Quantization quantization,
            EncodingsVersion version,
            Map<String, ? extends EncodingEntry> verbatim) {
        Map<String, EncodingEntry> params = new LinkedHashMap<>();
        for (WeightQuantizer weight : weights(plan)) {
            EncodingEntry given = verbatim.get(weight.name());
            params.put(weight.name(), given != null ? given : constant(plan, quantization, weight.name()));
        }
        Map<String, EncodingEntry> activations = new LinkedHashMap<>();
        for (ActivationQuantizer a : version.isOneList() ? passedOnToo(plan) : listed(plan)) {
            Encoding encoding = encoding(quantization, a.name());
            activations.put(
                    a.name(),
                    entry(
                            a.name(),
                            TensorEncoding.Affine.of(encoding),
                            isSymmetric(a.scheme(), encoding),
                            Shape.SCALAR));
        }
        plan.precision().overrides().tensors().forEach((name, forced) -> {
            if (forced instanceof Forced.InFloat(int bits)) {
                (plan.model().graph().constant(name).isPresent() ? params : activations)
                        .put(name, new EncodingEntry.FloatingPoint(name, bits));
            }
        });
        if (version.isOneList()) {
            verbatim.forEach(params::putIfAbsent);
            quantization.biases().keySet().forEach(name -> params.put(name, constant(plan, quantization, name)));
        }
        return new Encodings(version.text(), activations, params, arguments(plan), List.of());
    }

    private static Affine constant(PlacementPlan plan, Quantization quantization, String name) {
        QuantizedTensor tensor = quantization.constant(name).orElse(null);
        if (tensor == null || !(tensor.encoding() instanceof TensorEncoding.Affine affine)) {
            throw new IllegalArgumentException("the quantization has no codes for '" + name + "'");
        }
        return entry(name, affine, affine.grid().signed(), tensor.shape());
    }

    /// @param shape of the tensor
    private static Affine entry(String name, TensorEncoding.Affine encoding, boolean symmetric, Shape shape) {
        int bits = encoding.grid().bits();
        long centre = encoding.grid().signed() ? 1L << (bits - 1) : 0;
        double[] scales = new double[encoding.groups()];
        long[] offsets = new long[scales.length];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = encoding.scale(i);
            offsets[i] = -encoding.zeroPoint(i) - centre;
        }
        return switch (encoding.granularity()) {
            case Granularity.PerTensor() ->
                new Affine(
                        name,
                        bits,
                        symmetric,
                        Layout.PER_TENSOR,
                        scales,
                        offsets,
                        OptionalInt.empty(),
                        0,
                        Shape.SCALAR);
            case Granularity.PerChannel(int axis) ->
                new Affine(
                        name,
                        bits,
                        symmetric,
                        Layout.PER_CHANNEL,
                        scales,
                        offsets,
                        OptionalInt.of(axis < 0 ? axis + shape.rank() : axis),
                        0);
            case Granularity.PerBlock(int axis, int size) ->
                SharedKernel.collapsed(new Affine(
                        name,
                        bits,
                        symmetric,
                        Layout.PER_BLOCK,
                        scales,
                        offsets,
                        OptionalInt.of(axis < 0 ? axis + shape.rank() : axis),
                        size,
                        encoding.granularity().scaleShape(shape)));
        };
    }

    private static List<ActivationQuantizer> listed(PlacementPlan plan) {
        return plan.activations().stream()
                .filter(ActivationQuantizer::inEncodings)
                .filter(a -> a.observed() || a.fixed().isPresent() && a.isSource())
                .toList();
    }

    private static List<ActivationQuantizer> passedOnToo(PlacementPlan plan) {
        return plan.activations().stream()
                .filter(ActivationQuantizer::inEncodings)
                .toList();
    }

    private static Map<String, Object> arguments(PlacementPlan plan) {
        Map<String, Object> arguments = new TreeMap<>();
        plan.precision().activationBits().ifPresent(b -> arguments.put("activation_bitwidth", b));
        arguments.put("param_bitwidth", plan.precision().weightBits());
        arguments.put("dtype", "int");
        arguments.put(
                "is_symmetric", plan.weights().stream().allMatch(w -> w.scheme().symmetry() != Symmetry.ASYMMETRIC));
        arguments.put(
                "per_channel_quantization",
                plan.weights().stream().anyMatch(w -> w.scheme().granularity() instanceof Granularity.PerChannel));
        return arguments;
    }

    private static List<WeightQuantizer> weights(PlacementPlan plan) {
        return plan.weights().stream().filter(WeightQuantizer::inEncodings).toList();
    }

    private static boolean isSymmetric(Scheme.Integer scheme, Encoding encoding) {
        return scheme.symmetry() != Symmetry.ASYMMETRIC
                && encoding.zeroPoint() == 1 << (encoding.grid().bits() - 1);
    }

    private static Encoding encoding(Quantization quantization, String name) {
        Encoding encoding = quantization.activations().get(name);
        if (encoding == null) {
            throw new IllegalArgumentException("the quantization has no encoding for '" + name + "'");
        }
        return encoding;
    }
}
