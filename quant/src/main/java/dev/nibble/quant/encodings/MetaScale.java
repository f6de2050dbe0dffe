package dev.nibble.quant.encodings;

import dev.nibble.graph.Shape;
import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.Layout;
import dev.nibble.target.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/// The `y_scale` of version 2.1.0 that is quantized itself: `{"x": …, "x_scale": …, "x_zero_point": …, "axis": …}`. With
/// whole numbers and one scale a channel it is LPBQ; anything else is multiplied out.
final class MetaScale {
    private MetaScale() {}

    static EncodingEntry read(Json json, String name, int bits, boolean signed, OptionalInt axis) {
        Json meta = json.object("y_scale").allow("x", "x_scale", "x_zero_point", "input_dtype", "axis", "block_size");
        List<Double> numbers = flat(meta, "x");
        boolean whole = numbers.stream().allMatch(x -> x == Math.rint(x));
        if (!whole && meta.text("input_dtype").isEmpty()) {
            throw meta.error("'x' holds fractions, but there is no 'input_dtype'", "say the type of 'x'");
        }
        if (meta.has("block_size")) {
            throw meta.error("scales that have blocks themselves are not supported", "export '" + name + "' as 2.0.0");
        }
        List<Double> scales = flat(meta, "x_scale");
        Shape nesting = EncodingsReader.nesting(meta.node().get("x"));
        if (nesting.elements() != numbers.size()) {
            throw meta.error("the rows of 'x' differ in length", "check that the file is complete");
        }
        int[] scaleOf = scaleOf(meta, nesting, scales.size());
        boolean zeroPoint =
                meta.has("x_zero_point") && flat(meta, "x_zero_point").stream().anyMatch(z -> z != 0);
        boolean byChannel = meta.has("axis")
                && nesting.rank() > 1
                && position(meta, nesting) == (axis.orElse(1) == 0 ? nesting.rank() - 1 : 0);
        if (json.has("block_size") && signed && whole && !zeroPoint && byChannel) {
            double[] channels = new double[scales.size()];
            for (int i = 0; i < channels.length; i++) {
                channels[i] = EncodingsReader.scale(meta, scales.get(i));
            }
            return EncodingsReader.lowPowerBlocks(
                    json,
                    name,
                    2 * bits,
                    bits,
                    EncodingsReader.blockSize(json),
                    channels,
                    EncodingsReader.integers(meta, "x"),
                    axis,
                    nesting);
        }
        double[] effective = new double[numbers.size()];
        List<Double> zeros = zeroPoint ? flat(meta, "x_zero_point") : List.of();
        for (int i = 0; i < effective.length; i++) {
            double zero = zeros.isEmpty() ? 0 : zeros.size() == 1 ? zeros.getFirst() : zeros.get(scaleOf[i]);
            effective[i] = EncodingsReader.scale(json, (numbers.get(i) - zero) * scales.get(scaleOf[i]));
        }
        Layout layout =
                json.has("block_size") ? Layout.PER_BLOCK : axis.isPresent() ? Layout.PER_CHANNEL : Layout.PER_TENSOR;
        if (layout == Layout.PER_TENSOR && effective.length != 1) {
            throw json.error("there are %d scales, but no 'axis'".formatted(effective.length), "say the axis");
        }
        return new Affine(
                name,
                bits,
                signed,
                layout,
                effective,
                Version2.offsets(json, effective.length, bits, signed),
                axis,
                layout == Layout.PER_BLOCK ? EncodingsReader.blockSize(json) : 0,
                nesting);
    }

    private static List<Double> flat(Json meta, String key) {
        List<Double> flat = new ArrayList<>();
        EncodingsReader.flatten(meta, meta.node().get(key), key, flat, 0);
        if (flat.isEmpty()) {
            throw meta.error("'" + key + "' is empty", "give at least one number");
        }
        return flat;
    }

    private static int position(Json meta, Shape nesting) {
        int axis = meta.integer("axis");
        if (axis < -nesting.rank() || axis >= nesting.rank()) {
            throw meta.error("'x' has no axis " + axis, "correct the axis");
        }
        return axis < 0 ? axis + nesting.rank() : axis;
    }

    /// For each element of `x` the index of its scale.
    private static int[] scaleOf(Json meta, Shape nesting, int count) {
        int[] of = new int[Math.toIntExact(nesting.elements())];
        if (count == 1) {
            return of;
        }
        if (!meta.has("axis")) {
            throw meta.error("there are %d values of 'x_scale', but no 'axis'".formatted(count), "say the axis");
        }
        int axis = position(meta, nesting);
        if (nesting.dim(axis) != count) {
            throw meta.error(
                    "there are %d values of 'x_scale' for %d along axis %d".formatted(count, nesting.dim(axis), axis),
                    "give one for each");
        }
        long inner = nesting.product(axis + 1, nesting.rank());
        for (int i = 0; i < of.length; i++) {
            of[i] = (int) (i / inner % count);
        }
        return of;
    }
}
