package dev.nibble.quant.encodings;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.quant.encodings.EncodingEntry.LowPowerBlocks;
import dev.nibble.quant.place.Overrides;
import dev.nibble.target.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/// Reads AIMET's encodings files (0.6.1, 1.0.0, 2.0.0, 2.1.0) and QNN's quantization overrides, which are 0.6.1 without a
/// version, with entries that need not say all. Booleans may be real or `"True"`, offsets whole or `-128.0`.
public final class EncodingsReader {
    private EncodingsReader() {}

    /// @throws NibbleException where the file cannot be read or is no encodings file
    public static Encodings read(Path file) {
        try {
            return read(Files.readString(file), "'" + file + "'");
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be read: %s".formatted(file, e.getMessage()), "check the path and that it is text", e);
        }
    }

    /// @param name what messages call the file
    /// @throws NibbleException where it is no encodings file
    public static Encodings read(String json, String name) {
        Json root = Json.parse(json, name);
        String version = root.text("version").orElse("");
        Map<String, EncodingEntry> activations = new LinkedHashMap<>();
        Map<String, EncodingEntry> params = new LinkedHashMap<>();
        switch (version) {
            case "" -> {
                root.allow("activation_encodings", "param_encodings", "supergroups", "quantizer_args", "producer");
                if (!root.has("activation_encodings") && !root.has("param_encodings") && !root.has("supergroups")) {
                    throw root.error(
                            "there is neither a 'version' nor 'activation_encodings' and 'param_encodings'",
                            "give encodings that AIMET wrote, or overrides: nibble overrides init MODEL writes a template");
                }
                Version061.read(root.object("activation_encodings"), activations);
                Version061.read(root.object("param_encodings"), params);
            }
            case "0.6.1", "0.6.0", "0.5.0" -> {
                Version061.read(section(root, "activation_encodings"), activations);
                Version061.read(section(root, "param_encodings"), params);
            }
            case "1.0.0" -> {
                root.list("activation_encodings").forEach(e -> put(activations, Version1.read(e), e));
                root.list("param_encodings").forEach(e -> put(params, Version1.read(e), e));
                requireSections(root);
            }
            case "2.0.0", "2.1.0" -> {
                if (!root.has("encodings")) {
                    throw root.error("there is no list 'encodings'", "check that the file is complete");
                }
                root.list("encodings").forEach(e -> put(activations, Version2.read(e), e));
            }
            default ->
                throw root.error(
                        "version '" + version + "' is not known", "export the encodings as 0.6.1, 1.0.0 or 2.0.0");
        }
        return new Encodings(version, activations, params, arguments(root), supergroups(root));
    }

    private static Map<String, Object> arguments(Json root) {
        Map<String, Object> arguments = new TreeMap<>();
        for (Map.Entry<String, Json> entry : root.object("quantizer_args").entries()) {
            JsonNode value = entry.getValue().node();
            if (value.isBoolean()) {
                arguments.put(entry.getKey(), value.booleanValue());
            } else if (value.isNumber()) {
                arguments.put(entry.getKey(), value.numberValue());
            } else if (value.isString()) {
                arguments.put(entry.getKey(), value.stringValue());
            }
        }
        return arguments;
    }

    private static List<Overrides.Fusion> supergroups(Json root) {
        List<Overrides.Fusion> fusions = new ArrayList<>();
        for (Json group : root.list("supergroups")) {
            group.allow("op_list", "fuse");
            List<String> operators = group.strings("op_list");
            if (operators.size() < 2) {
                throw group.error(
                        "a supergroup has at least two operators, but has " + operators,
                        "write {\"op_list\": [\"Conv\", \"Relu\"], \"fuse\": true}");
            }
            boolean fuse = group.flag("fuse").orElse(true);
            if (fusions.contains(new Overrides.Fusion(operators, !fuse))) {
                throw group.error(
                        "the supergroup %s is to be fused and to be taken apart"
                                .formatted(String.join(", ", operators)),
                        "keep one of both entries");
            }
            fusions.add(new Overrides.Fusion(operators, fuse));
        }
        return fusions;
    }

    private static Json section(Json root, String key) {
        requireSections(root);
        return root.object(key);
    }

    private static void requireSections(Json root) {
        for (String key : List.of("activation_encodings", "param_encodings")) {
            if (!root.has(key)) {
                throw root.error("there is no '" + key + "'", "both sections must be there; they may be empty");
            }
        }
    }

    private static void put(Map<String, EncodingEntry> entries, EncodingEntry entry, Json at) {
        if (entries.put(entry.name(), entry) != null) {
            throw at.error("'" + entry.name() + "' is there twice", "keep one entry for each tensor");
        }
    }

    static EncodingEntry lowPowerBlocks(
            Json json,
            String name,
            int bits,
            int compressedBits,
            int blockSize,
            double[] channelScales,
            int[] blockScales,
            OptionalInt axis,
            Shape nesting) {
        if (channelScales.length == 0 || blockScales.length % channelScales.length != 0) {
            throw json.error(
                    "%d block scales do not divide among %d channels"
                            .formatted(blockScales.length, channelScales.length),
                    "check that the file is complete");
        }
        if (compressedBits >= bits) {
            throw json.error(
                    "%d bits are compressed to %d".formatted(bits, compressedBits), "the compressed width is smaller");
        }
        int most = 1 << (bits - compressedBits);
        for (int scale : blockScales) {
            if (scale < 1 || scale > most) {
                throw json.error(
                        "a block scale is " + scale,
                        "block scales from %d to %d bits are 1 to %d".formatted(bits, compressedBits, most));
            }
        }
        return new LowPowerBlocks(name, bits, compressedBits, blockSize, channelScales, blockScales, axis, nesting);
    }

    static String name(Json json) {
        return json.text("name").orElseThrow(() -> json.error("there is no 'name'", "name the tensor"));
    }

    static int bits(Json json, String key) {
        int bits = json.integer(key);
        if (bits < 2 || bits > 32) {
            throw json.error("'%s' is %d".formatted(key, bits), "widths are 2 to 32 bits");
        }
        return bits;
    }

    static int blockSize(Json json) {
        int size = json.integer("block_size");
        if (size < 1) {
            throw json.error("'block_size' is " + size, "block sizes are at least 1");
        }
        return size;
    }

    static double scale(Json json, double value) {
        if (!(value > 0
                && Double.isFinite(value)
                && (float) value >= Float.MIN_NORMAL
                && (float) value <= Float.MAX_VALUE)) {
            throw json.error("a scale is " + value, "scales are positive and finite");
        }
        return value;
    }

    static double[] scales(Json json, String key) {
        List<Double> flat = new ArrayList<>();
        flatten(json, json.node().get(key), key, flat, 0);
        double[] scales = new double[flat.size()];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = scale(json, flat.get(i));
        }
        if (scales.length == 0) {
            throw json.error("'" + key + "' is empty", "give at least one scale");
        }
        return scales;
    }

    static int[] integers(Json json, String key) {
        List<Double> flat = new ArrayList<>();
        flatten(json, json.node().get(key), key, flat, 0);
        int[] values = new int[flat.size()];
        for (int i = 0; i < values.length; i++) {
            long value = whole(json, key, flat.get(i));
            if (value != (int) value) {
                throw json.error("'%s' has %d".formatted(key, value), "correct the value");
            }
            values[i] = (int) value;
        }
        return values;
    }

    static long whole(Json json, String key, double value) {
        if (value != Math.rint(value) || Math.abs(value) > 0x1p32) {
            throw json.error("'%s' has %s, which is no whole number".formatted(key, value), "correct the value");
        }
        return (long) value;
    }

    /// The lengths of the lists in `node`, by its first elements.
    static Shape nesting(@org.jspecify.annotations.Nullable JsonNode node) {
        List<Long> dims = new ArrayList<>();
        for (JsonNode at = node; at != null && at.isArray(); at = at.get(0)) {
            dims.add((long) at.size());
        }
        return Shape.of(dims);
    }

    /// The numbers in a nested list, row-major.
    static void flatten(
            Json json, @org.jspecify.annotations.Nullable JsonNode node, String key, List<Double> flat, int depth) {
        if (node != null && node.isNumber()) {
            flat.add(node.doubleValue());
        } else if (node != null && node.isArray() && depth < 16) {
            for (JsonNode child : node) {
                flatten(json, child, key, flat, depth + 1);
            }
        } else {
            throw json.error("'%s' must be numbers, but is %s".formatted(key, node), "correct the value");
        }
    }

    static long[] offsets(Json json, int count, int bits, boolean symmetric) {
        List<Double> flat = new ArrayList<>();
        flatten(json, json.node().get("offset"), "offset", flat, 0);
        if (flat.size() != count) {
            throw json.error(
                    "there are %d scales, but %d offsets".formatted(count, flat.size()), "give as many as scales");
        }
        long[] offsets = new long[count];
        for (int i = 0; i < count; i++) {
            offsets[i] = offset(json, flat.get(i), bits, symmetric);
        }
        return offsets;
    }

    /// An offset that lies on the grid.
    static long offset(Json json, double value, int bits, boolean symmetric) {
        long offset = whole(json, "offset", value);
        long lowest = -((1L << bits) - 1);
        if (offset < lowest || offset > 0) {
            throw json.error(
                    "offset %d lies outside %d…0, where %d-bit%s offsets are"
                            .formatted(offset, lowest, bits, symmetric ? " symmetric" : ""),
                    "AIMET's offset is minus the zero point of unsigned codes");
        }
        return offset;
    }
}
