package dev.nibble.quant.encodings;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.FloatingPoint;
import dev.nibble.quant.encodings.EncodingEntry.Layout;
import dev.nibble.quant.encodings.EncodingEntry.LowPowerBlocks;
import dev.nibble.quant.encodings.EncodingEntry.Width;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// Entries as the text of an encodings file.
///
/// What a version cannot say is an error: blocks in 0.6.1, a width without a range anywhere but in 0.6.1, an axis that is
/// not known in 2.0.0. Tensors in float have no entry from 2.0.0 on.
public final class EncodingsText {
    private static final JsonMapper MAPPER =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private EncodingsText() {}

    /// @throws NibbleException where `version` cannot say what an entry says
    public static String of(Encodings encodings, EncodingsVersion version) {
        Map<String, Object> root = new TreeMap<>();
        root.put("version", version.text());
        root.put("producer", new TreeMap<>(Map.of("package", "nibble")));
        if (!encodings.supergroups().isEmpty()) {
            root.put(
                    "supergroups",
                    encodings.supergroups().stream()
                            .map(f -> new TreeMap<>(Map.of("op_list", f.operators(), "fuse", f.fuse())))
                            .toList());
        }
        switch (version) {
            case V0_6_1 -> {
                root.put("activation_encodings", dictionary(encodings.activations()));
                root.put("param_encodings", dictionary(encodings.params()));
                root.put("quantizer_args", encodings.arguments());
            }
            case V1_0_0 -> {
                root.put(
                        "activation_encodings",
                        encodings.activations().values().stream()
                                .map(EncodingsText::entry1)
                                .toList());
                root.put(
                        "param_encodings",
                        encodings.params().values().stream()
                                .map(EncodingsText::entry1)
                                .toList());
                root.put("excluded_layers", List.of());
                root.put("quantizer_args", encodings.arguments());
            }
            case V2_0_0, V2_1_0 -> {
                List<Object> entries = new ArrayList<>();
                encodings.params().values().forEach(e -> entry2(e, version, entries));
                encodings.activations().values().forEach(e -> entry2(e, version, entries));
                root.put("encodings", entries);
            }
        }
        return MAPPER.writeValueAsString(root) + "\n";
    }

    private static Map<String, Object> dictionary(Map<String, EncodingEntry> entries) {
        Map<String, Object> dictionary = new TreeMap<>();
        entries.forEach((name, entry) -> dictionary.put(name, groups(name, entry)));
        return dictionary;
    }

    private static List<Object> groups(String name, EncodingEntry entry) {
        return switch (entry) {
            case FloatingPoint(String _, int bits) -> List.of(typed(bits, "float"));
            case Width width -> {
                Map<String, Object> group = typed(width.bits(), "int");
                width.symmetric().ifPresent(s -> group.put("is_symmetric", text(s)));
                yield List.of(group);
            }
            case Affine affine
            when affine.layout() != Layout.PER_BLOCK -> {
                List<Object> groups = new ArrayList<>();
                for (int i = 0; i < affine.scales().length; i++) {
                    double scale = affine.scales()[i];
                    long offset = affine.offsets()[i];
                    Map<String, Object> group = typed(affine.bits(), "int");
                    group.put("is_symmetric", text(affine.symmetric()));
                    group.put("min", scale * offset);
                    group.put("max", scale * ((1L << affine.bits()) - 1 + offset));
                    group.put("scale", scale);
                    group.put("offset", offset);
                    groups.add(group);
                }
                yield groups;
            }
            case Affine _, LowPowerBlocks _ ->
                throw new NibbleException(
                        "encodings 0.6.1 cannot express the blocks of weight '" + name + "'",
                        "write 1.0.0 or 2.0.0: --encodings-version 1.0.0");
        };
    }

    private static String text(boolean flag) {
        return flag ? "True" : "False";
    }

    private static Map<String, Object> typed(int bits, String type) {
        return new TreeMap<>(Map.of("bitwidth", bits, "dtype", type));
    }

    private static Map<String, Object> entry1(EncodingEntry entry) {
        Map<String, Object> json = new TreeMap<>();
        json.put("name", entry.name());
        json.put("dtype", "INT");
        switch (entry) {
            case FloatingPoint(String _, int bits) -> {
                json.put("dtype", "FLOAT");
                json.put("bw", bits);
                json.put("enc_type", "PER_TENSOR");
            }
            case Width width -> throw withoutRange(width, EncodingsVersion.V1_0_0);
            case Affine affine -> {
                json.put("bw", affine.bits());
                json.put("is_sym", affine.symmetric());
                json.put("scale", affine.scales());
                json.put("offset", affine.offsets());
                json.put("enc_type", affine.layout().name());
                if (affine.layout() == Layout.PER_BLOCK) {
                    json.put("block_size", affine.blockSize());
                }
            }
            case LowPowerBlocks blocks -> {
                long[] offsets = new long[blocks.channelScales().length];
                Arrays.fill(offsets, -(1L << (blocks.bits() - 1)));
                json.put("bw", blocks.bits());
                json.put("compressed_bw", blocks.compressedBits());
                json.put("is_sym", true);
                json.put("scale", blocks.channelScales());
                json.put("offset", offsets);
                json.put("enc_type", "LPBQ");
                json.put("block_size", blocks.blockSize());
                json.put("per_block_int_scale", blocks.blockScales());
            }
        }
        return json;
    }

    private static NibbleException withoutRange(Width width, EncodingsVersion version) {
        return new NibbleException(
                "encodings %s cannot express '%s', which has a width, but no range"
                        .formatted(version.text(), width.name()),
                "write 0.6.1, or quantize with the file: model.encodings then has ranges");
    }

    private static void entry2(EncodingEntry entry, EncodingsVersion version, List<Object> entries) {
        Map<String, Object> json = new TreeMap<>();
        json.put("name", entry.name());
        switch (entry) {
            case FloatingPoint _ -> {
                return;
            }
            case Width width -> throw withoutRange(width, version);
            case Affine affine -> affine2(affine, json, version);
            case LowPowerBlocks blocks -> blocks2(blocks, json, version);
        }
        entries.add(json);
    }

    private static void affine2(Affine affine, Map<String, Object> json, EncodingsVersion version) {
        boolean signed = affine.symmetric() || affine.bits() == 32;
        json.put("output_dtype", (signed ? "int" : "uint") + affine.bits());
        long centre = signed ? 1L << (affine.bits() - 1) : 0;
        // Strict symmetric grids only leave the lowest code out.
        boolean strict = affine.symmetric() && Arrays.stream(affine.offsets()).allMatch(o -> o == -centre + 1);
        long[] zeroPoints = Arrays.stream(affine.offsets())
                .map(o -> strict ? 0 : -o - centre)
                .toArray();
        boolean zeros = Arrays.stream(zeroPoints).allMatch(z -> z == 0);
        switch (affine.layout()) {
            case PER_TENSOR -> {
                json.put("y_scale", affine.scales()[0]);
                if (!zeros) {
                    json.put("y_zero_point", zeroPoints[0]);
                }
            }
            case PER_CHANNEL -> {
                json.put("y_scale", affine.scales());
                json.put("axis", axis(affine.axis(), affine.name(), version));
                if (!zeros) {
                    json.put("y_zero_point", zeroPoints);
                }
            }
            case PER_BLOCK -> {
                List<Double> scales = DoubleStream.of(affine.scales()).boxed().toList();
                json.put("y_scale", nested(scales, affine.nesting()));
                json.put("axis", axis(affine.axis(), affine.name(), version));
                json.put("block_size", affine.blockSize());
                if (!zeros) {
                    json.put(
                            "y_zero_point",
                            nested(LongStream.of(zeroPoints).boxed().toList(), affine.nesting()));
                }
            }
        }
    }

    private static void blocks2(LowPowerBlocks blocks, Map<String, Object> json, EncodingsVersion version) {
        json.put("output_dtype", "int" + blocks.compressedBits());
        int axis = axis(blocks.axis(), blocks.name(), version);
        json.put("axis", axis);
        json.put("block_size", blocks.blockSize());
        Shape nesting = blocks.nesting();
        int channelAxis = axis == 0 ? nesting.rank() - 1 : 0;
        List<Integer> multiples = IntStream.of(blocks.blockScales()).boxed().toList();
        if (version == EncodingsVersion.V2_1_0) {
            Map<String, Object> meta = new TreeMap<>();
            meta.put("x", nested(multiples, nesting));
            meta.put("x_scale", blocks.channelScales());
            meta.put("axis", channelAxis);
            json.put("y_scale", meta);
            return;
        }
        long[] channels = new long[nesting.rank()];
        Arrays.fill(channels, 1);
        channels[channelAxis] = blocks.channelScales().length;
        json.put("per_block_int_scale", nested(multiples, nesting));
        json.put(
                "per_channel_float_scale",
                nested(DoubleStream.of(blocks.channelScales()).boxed().toList(), Shape.of(channels)));
    }

    private static int axis(java.util.OptionalInt axis, String name, EncodingsVersion version) {
        return axis.orElseThrow(() -> new NibbleException(
                "encodings %s name the axis of the scales of '%s', which the file leaves to the model's operators"
                        .formatted(version.text(), name),
                "give the model: --model model.float.onnx"));
    }

    private static Object nested(List<?> flat, Shape shape) {
        return shape.rank() <= 1 ? flat : nested(flat, shape, 0, new int[1]);
    }

    private static List<Object> nested(List<?> flat, Shape shape, int axis, int[] at) {
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
}
