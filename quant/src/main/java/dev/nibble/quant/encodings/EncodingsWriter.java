package dev.nibble.quant.encodings;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.QuantizedTensor;
import dev.nibble.quant.Scheme;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.place.ActivationQuantizer;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Quantization;
import dev.nibble.quant.place.WeightQuantizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// Writes a quantization as an AIMET encodings file: the projection of a plan in which supergroups carry no
/// inner quantizers.
///
/// Values that only pass an encoding on are listed in 2.0.0; earlier versions leave them to the converter.
/// Weights have the offset −2ᵇ⁻¹ that QAIRT asks of symmetric ones, though codes on a strict grid do not use
/// the lowest.
public final class EncodingsWriter {
    private static final JsonMapper MAPPER =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private EncodingsWriter() {}

    /// Writes to `file`, beside it first.
    ///
    /// @throws NibbleException where the folder cannot be written, or 0.6.1 is asked for blocks
    public static void write(PlacementPlan plan, Quantization quantization, EncodingsVersion version, Path file) {
        String text = text(plan, quantization, version);
        Path staged =
                file.toAbsolutePath().resolveSibling(".%s.%s.part".formatted(file.getFileName(), UUID.randomUUID()));
        try {
            Files.writeString(staged, text);
            Files.move(staged, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            NibbleException failure = new NibbleException(
                    "'%s' cannot be written: %s".formatted(file, e.getMessage()),
                    "check that the folder exists, may be written, and has room",
                    e);
            try {
                Files.deleteIfExists(staged);
            } catch (IOException second) {
                failure.addSuppressed(second);
            }
            throw failure;
        }
    }

    /// The file's text.
    ///
    /// @throws NibbleException where 0.6.1 is asked for blocks, which it cannot express
    public static String text(PlacementPlan plan, Quantization quantization, EncodingsVersion version) {
        Map<String, Object> root = new TreeMap<>();
        root.put("version", version.text());
        root.put("producer", new TreeMap<>(Map.of("package", "nibble")));
        switch (version) {
            case V0_6_1 -> version061(plan, quantization, root);
            case V1_0_0 -> version1(plan, quantization, root);
            case V2_0_0 -> root.put("encodings", version2(plan, quantization));
        }
        return MAPPER.writeValueAsString(root) + "\n";
    }

    private static List<ActivationQuantizer> listed(PlacementPlan plan) {
        return plan.activations().stream()
                .filter(ActivationQuantizer::inEncodings)
                .filter(a -> a.observed() || a.fixed().isPresent() && a.isSource())
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

    private static void version061(PlacementPlan plan, Quantization quantization, Map<String, Object> root) {
        Map<String, Object> activations = new TreeMap<>();
        for (ActivationQuantizer a : listed(plan)) {
            Encoding encoding = encoding(quantization, a.name());
            activations.put(a.name(), List.of(group(encoding, isSymmetric(a.scheme(), encoding))));
        }
        Map<String, Object> params = new TreeMap<>();
        for (WeightQuantizer weight : weights(plan)) {
            TensorEncoding.Affine encoding = affine(quantization, weight.name());
            if (encoding.granularity() instanceof Granularity.PerBlock) {
                throw new NibbleException(
                        "encodings 0.6.1 cannot express the blocks of weight '" + weight.name() + "'",
                        "write 1.0.0 or 2.0.0: --encodings-version 1.0.0");
            }
            List<Object> groups = new ArrayList<>();
            for (int i = 0; i < encoding.groups(); i++) {
                Encoding one = encoding.at(i);
                groups.add(group(
                        one.grid().signed() ? one.flippedSign() : one,
                        one.grid().signed()));
            }
            params.put(weight.name(), groups);
        }
        root.put("activation_encodings", activations);
        root.put("param_encodings", params);
        root.put("quantizer_args", arguments(plan));
    }

    /// @param encoding on the unsigned grid
    private static Map<String, Object> group(Encoding encoding, boolean symmetric) {
        int bits = encoding.grid().bits();
        double scale = encoding.scale();
        long offset = -(long) encoding.zeroPoint();
        Map<String, Object> group = new TreeMap<>();
        group.put("bitwidth", bits);
        group.put("dtype", "int");
        group.put("is_symmetric", symmetric ? "True" : "False");
        group.put("min", scale * offset);
        group.put("max", scale * ((1L << bits) - 1 + offset));
        group.put("scale", scale);
        group.put("offset", offset);
        return group;
    }

    private static void version1(PlacementPlan plan, Quantization quantization, Map<String, Object> root) {
        List<Object> activations = new ArrayList<>();
        for (ActivationQuantizer a : listed(plan)) {
            Encoding encoding = encoding(quantization, a.name());
            activations.add(entry1(
                    a.name(),
                    TensorEncoding.Affine.of(Granularity.PER_TENSOR, List.of(encoding)),
                    isSymmetric(a.scheme(), encoding)));
        }
        List<Object> params = new ArrayList<>();
        for (WeightQuantizer weight : weights(plan)) {
            TensorEncoding.Affine encoding = affine(quantization, weight.name());
            params.add(entry1(weight.name(), encoding, encoding.grid().signed()));
        }
        root.put("activation_encodings", activations);
        root.put("param_encodings", params);
        root.put("excluded_layers", List.of());
        root.put("quantizer_args", arguments(plan));
    }

    private static Map<String, Object> entry1(String name, TensorEncoding.Affine encoding, boolean symmetric) {
        Map<String, Object> entry = new TreeMap<>();
        entry.put("name", name);
        entry.put("dtype", "INT");
        entry.put("bw", encoding.grid().bits());
        entry.put("is_sym", symmetric);
        entry.put("scale", scales(encoding));
        List<Long> offsets = new ArrayList<>();
        long centre = encoding.grid().signed() ? 1L << (encoding.grid().bits() - 1) : 0;
        for (int zeroPoint : encoding.zeroPoints()) {
            offsets.add(-zeroPoint - centre);
        }
        entry.put("offset", offsets);
        switch (encoding.granularity()) {
            case Granularity.PerTensor() -> entry.put("enc_type", "PER_TENSOR");
            case Granularity.PerChannel _ -> entry.put("enc_type", "PER_CHANNEL");
            case Granularity.PerBlock(int _, int size) -> {
                entry.put("enc_type", "PER_BLOCK");
                entry.put("block_size", size);
            }
        }
        return entry;
    }

    private static List<Object> version2(PlacementPlan plan, Quantization quantization) {
        List<Object> entries = new ArrayList<>();
        for (WeightQuantizer weight : weights(plan)) {
            QuantizedTensor codes = quantization.weights().get(weight.name());
            if (codes != null) {
                entries.add(entry2(weight.name(), affine(quantization, weight.name()), codes.shape()));
            }
        }
        quantization.biases().forEach((name, codes) -> {
            if (codes.encoding() instanceof TensorEncoding.Affine affine) {
                entries.add(entry2(name, affine, codes.shape()));
            }
        });
        for (ActivationQuantizer a : plan.activations()) {
            if (a.inEncodings()) {
                Encoding encoding = encoding(quantization, a.name());
                boolean symmetric = isSymmetric(a.scheme(), encoding);
                entries.add(entry2(
                        a.name(),
                        TensorEncoding.Affine.of(
                                Granularity.PER_TENSOR, List.of(symmetric ? encoding.flippedSign() : encoding)),
                        Shape.SCALAR));
            }
        }
        return entries;
    }

    private static Map<String, Object> entry2(String name, TensorEncoding.Affine encoding, Shape shape) {
        Map<String, Object> entry = new TreeMap<>();
        entry.put("name", name);
        entry.put("output_dtype", encoding.dataType().onnxName());
        List<Double> scales = scales(encoding);
        boolean zeros = java.util.Arrays.stream(encoding.zeroPoints()).allMatch(z -> z == 0);
        switch (encoding.granularity()) {
            case Granularity.PerTensor() -> {
                entry.put("y_scale", scales.getFirst());
                if (!zeros) {
                    entry.put("y_zero_point", encoding.zeroPoint(0));
                }
            }
            case Granularity.PerChannel(int axis) -> {
                entry.put("y_scale", scales);
                entry.put("axis", axis < 0 ? axis + shape.rank() : axis);
                if (!zeros) {
                    entry.put("y_zero_point", encoding.zeroPoints());
                }
            }
            case Granularity.PerBlock(int axis, int size) -> {
                entry.put("y_scale", nested(scales, encoding.granularity().scaleShape(shape), 0, new int[1]));
                entry.put("axis", axis < 0 ? axis + shape.rank() : axis);
                entry.put("block_size", size);
            }
        }
        return entry;
    }

    private static List<Object> nested(List<Double> flat, Shape shape, int axis, int[] at) {
        List<Object> list = new ArrayList<>();
        for (long i = 0; i < shape.dim(axis); i++) {
            if (axis == shape.rank() - 1) {
                list.add(flat.get(at[0]++));
            } else {
                list.add(nested(flat, shape, axis + 1, at));
            }
        }
        return list;
    }

    private static List<Double> scales(TensorEncoding.Affine encoding) {
        List<Double> scales = new ArrayList<>();
        for (float scale : encoding.scales()) {
            scales.add((double) scale);
        }
        return scales;
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

    private static TensorEncoding.Affine affine(Quantization quantization, String name) {
        QuantizedTensor tensor = quantization.weights().get(name);
        if (tensor == null || !(tensor.encoding() instanceof TensorEncoding.Affine affine)) {
            throw new IllegalArgumentException("the quantization has no codes for '" + name + "'");
        }
        return affine;
    }
}
