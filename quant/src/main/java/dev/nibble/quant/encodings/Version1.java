package dev.nibble.quant.encodings;

import dev.nibble.graph.Shape;
import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.FloatingPoint;
import dev.nibble.quant.encodings.EncodingEntry.Layout;
import dev.nibble.target.Json;
import java.util.Locale;
import java.util.OptionalInt;

/// Version 1.0.0: lists of entries with flat scales; the axis is left to the operator.
final class Version1 {
    private Version1() {}

    static EncodingEntry read(Json json) {
        json.allow(
                "name",
                "enc_type",
                "dtype",
                "bw",
                "is_sym",
                "scale",
                "offset",
                "block_size",
                "compressed_bw",
                "per_block_int_scale",
                "zero_point_shift");
        String name = EncodingsReader.name(json);
        int bits = EncodingsReader.bits(json, "bw");
        if (json.text("dtype").orElse("INT").equalsIgnoreCase("float")) {
            return new FloatingPoint(name, bits);
        }
        if (json.has("zero_point_shift")) {
            throw json.error("'zero_point_shift' is not supported", "export '" + name + "' without it");
        }
        boolean symmetric = json.flag("is_sym").orElse(false);
        double[] scales = EncodingsReader.scales(json, "scale");
        String type = json.text("enc_type").orElse("PER_TENSOR").toUpperCase(Locale.ROOT);
        if (type.equals("LPBQ")) {
            return EncodingsReader.lowPowerBlocks(
                    json,
                    name,
                    bits,
                    EncodingsReader.bits(json, "compressed_bw"),
                    EncodingsReader.blockSize(json),
                    scales,
                    EncodingsReader.integers(json, "per_block_int_scale"),
                    OptionalInt.empty(),
                    Shape.of(EncodingsReader.integers(json, "per_block_int_scale").length));
        }
        long[] offsets = EncodingsReader.offsets(json, scales.length, bits, symmetric);
        Layout layout = switch (type) {
            case "PER_TENSOR" -> Layout.PER_TENSOR;
            case "PER_CHANNEL" -> Layout.PER_CHANNEL;
            case "PER_BLOCK" -> Layout.PER_BLOCK;
            default ->
                throw json.error(
                        "'enc_type' %s is not known".formatted(type), "use PER_TENSOR, PER_CHANNEL, PER_BLOCK or LPBQ");
        };
        if (layout == Layout.PER_TENSOR && scales.length != 1) {
            throw json.error("PER_TENSOR has %d scales".formatted(scales.length), "give one scale");
        }
        int blockSize = layout == Layout.PER_BLOCK ? EncodingsReader.blockSize(json) : 0;
        return new Affine(name, bits, symmetric, layout, scales, offsets, OptionalInt.empty(), blockSize);
    }
}
