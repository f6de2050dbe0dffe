package dev.nibble.quant.encodings;

import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.FloatingPoint;
import dev.nibble.quant.encodings.EncodingEntry.Layout;
import dev.nibble.target.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/// Versions 2.0.0 and 2.1.0: entries modelled on ONNX QuantizeLinear. In 2.1.0 scales may have a scale themselves.
final class Version2 {
    private static final Pattern INTEGER = Pattern.compile("(u?)int(2|4|8|16|32)");

    private Version2() {}

    static EncodingEntry read(Json json) {
        json.allow(
                "name",
                "output_dtype",
                "y_scale",
                "y_zero_point",
                "axis",
                "block_size",
                "per_channel_float_scale",
                "per_block_int_scale");
        String name = EncodingsReader.name(json);
        String type = json.text("output_dtype")
                .orElseThrow(() -> json.error("there is no 'output_dtype'", "say the type of '" + name + "'"));
        if (type.startsWith("float")) {
            return new FloatingPoint(name, type.startsWith("float8") ? 8 : type.startsWith("float4") ? 4 : 16);
        }
        Matcher matcher = INTEGER.matcher(type);
        if (!matcher.matches() || type.equals("uint32")) {
            throw json.error("'output_dtype' " + type + " is not known", "use int2 to int32 or uint2 to uint16");
        }
        boolean signed = matcher.group(1).isEmpty();
        int bits = Integer.parseInt(matcher.group(2));
        OptionalInt axis = json.has("axis") ? OptionalInt.of(json.integer("axis")) : OptionalInt.empty();
        if (json.has("per_block_int_scale")) {
            return blocks(json, name, bits, axis);
        }
        JsonNode scale = json.node().get("y_scale");
        if (scale != null && scale.isObject()) {
            return MetaScale.read(json, name, bits, signed, axis);
        }
        List<Double> flat = new ArrayList<>();
        EncodingsReader.flatten(json, scale, "y_scale", flat, 0);
        if (flat.isEmpty()) {
            throw json.error("'y_scale' is empty", "give at least one scale");
        }
        double[] scales = new double[flat.size()];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = EncodingsReader.scale(json, flat.get(i));
        }
        Layout layout =
                json.has("block_size") ? Layout.PER_BLOCK : axis.isPresent() ? Layout.PER_CHANNEL : Layout.PER_TENSOR;
        if (layout == Layout.PER_TENSOR && scales.length != 1) {
            throw json.error("there are %d scales, but no 'axis'".formatted(scales.length), "say the axis");
        }
        int blockSize = layout == Layout.PER_BLOCK ? EncodingsReader.blockSize(json) : 0;
        return new Affine(
                name,
                bits,
                signed,
                layout,
                scales,
                offsets(json, scales.length, bits, signed),
                axis,
                blockSize,
                EncodingsReader.nesting(scale));
    }

    /// `offset = −zeroPoint − 2ᵇ⁻¹` of signed codes, `−zeroPoint` of unsigned ones.
    static long[] offsets(Json json, int count, int bits, boolean signed) {
        List<Double> flat = new ArrayList<>();
        if (json.has("y_zero_point")) {
            EncodingsReader.flatten(json, json.node().get("y_zero_point"), "y_zero_point", flat, 0);
        }
        if (!flat.isEmpty() && flat.size() != count) {
            throw json.error(
                    "there are %d scales, but %d zero points".formatted(count, flat.size()), "give as many as scales");
        }
        long centre = signed ? 1L << (bits - 1) : 0;
        long[] offsets = new long[count];
        for (int i = 0; i < count; i++) {
            long zeroPoint = flat.isEmpty() ? 0 : EncodingsReader.whole(json, "y_zero_point", flat.get(i));
            offsets[i] = EncodingsReader.offset(json, -zeroPoint - centre, bits, signed);
        }
        return offsets;
    }

    private static EncodingEntry blocks(Json json, String name, int bits, OptionalInt axis) {
        List<Double> flat = new ArrayList<>();
        EncodingsReader.flatten(json, json.node().get("per_channel_float_scale"), "per_channel_float_scale", flat, 0);
        double[] channels = new double[flat.size()];
        for (int i = 0; i < channels.length; i++) {
            channels[i] = EncodingsReader.scale(json, flat.get(i));
        }
        return EncodingsReader.lowPowerBlocks(
                json,
                name,
                2 * bits,
                bits,
                EncodingsReader.blockSize(json),
                channels,
                EncodingsReader.integers(json, "per_block_int_scale"),
                axis,
                EncodingsReader.nesting(json.node().get("per_block_int_scale")));
    }
}
