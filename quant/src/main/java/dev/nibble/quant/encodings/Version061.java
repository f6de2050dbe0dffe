package dev.nibble.quant.encodings;

import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.FloatingPoint;
import dev.nibble.quant.encodings.EncodingEntry.Layout;
import dev.nibble.target.Json;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/// Version 0.6.1: a dictionary of lists; more than one entry is per channel.
final class Version061 {
    private Version061() {}

    static void read(Json section, Map<String, EncodingEntry> entries) {
        for (String name : section.node().propertyNames()) {
            entries.put(name, tensor(section, name, section.list(name)));
        }
    }

    private static EncodingEntry tensor(Json section, String name, List<Json> groups) {
        if (groups.isEmpty()) {
            throw section.error("'" + name + "' has no entry", "give at least one");
        }
        double[] scales = new double[groups.size()];
        long[] offsets = new long[groups.size()];
        int bits = 0;
        boolean symmetric = false;
        for (int i = 0; i < scales.length; i++) {
            Json group = groups.get(i);
            group.allow("bitwidth", "dtype", "is_symmetric", "min", "max", "scale", "offset");
            int width = EncodingsReader.bits(group, "bitwidth");
            boolean floating = group.text("dtype").orElse("int").equalsIgnoreCase("float");
            if (floating && scales.length == 1) {
                return new FloatingPoint(name, width);
            }
            boolean isSymmetric = group.flag("is_symmetric").orElse(false);
            if (floating || i > 0 && (width != bits || isSymmetric != symmetric)) {
                throw group.error("the channels differ in width, type or symmetry", "give them all one format");
            }
            bits = width;
            symmetric = isSymmetric;
            scale(group, bits, symmetric, i, scales, offsets);
        }
        Layout layout = scales.length == 1 ? Layout.PER_TENSOR : Layout.PER_CHANNEL;
        return new Affine(name, bits, symmetric, layout, scales, offsets, OptionalInt.empty(), 0);
    }

    /// Scale and offset as written, otherwise from `min` and `max`.
    private static void scale(Json group, int bits, boolean symmetric, int i, double[] scales, long[] offsets) {
        if (group.has("scale") && group.has("offset")) {
            scales[i] = EncodingsReader.scale(group, group.number("scale"));
            offsets[i] = EncodingsReader.offset(group, group.number("offset"), bits, symmetric);
            return;
        }
        double min = group.number("min");
        double max = group.number("max");
        if (!(min <= 0 && max >= 0 && max > min)) {
            throw group.error("'min' %s and 'max' %s do not enclose zero".formatted(min, max), "ranges contain zero");
        }
        double steps = (1L << bits) - 1;
        if (symmetric) {
            scales[i] = EncodingsReader.scale(group, Math.max(max, -min) / Math.floor(steps / 2));
            offsets[i] = -(1L << (bits - 1));
        } else {
            scales[i] = EncodingsReader.scale(group, (max - min) / steps);
            offsets[i] = -(long) Math.rint(-min / scales[i]);
        }
    }
}
