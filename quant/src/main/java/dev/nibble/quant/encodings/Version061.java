package dev.nibble.quant.encodings;

import dev.nibble.quant.encodings.EncodingEntry.Affine;
import dev.nibble.quant.encodings.EncodingEntry.FloatingPoint;
import dev.nibble.quant.encodings.EncodingEntry.Layout;
import dev.nibble.quant.encodings.EncodingEntry.Width;
import dev.nibble.target.Json;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Version 0.6.1 and QNN's overrides: a dictionary of lists, or of single entries; more than one entry is per channel.
/// An entry has scale and offset, or a range, or only a type.
final class Version061 {
    private static final Pattern TYPE = Pattern.compile("u?(int|float|bfloat)(\\d*)");

    private Version061() {}

    static void read(Json section, Map<String, EncodingEntry> entries) {
        for (Map.Entry<String, Json> entry : section.entries()) {
            String name = entry.getKey();
            List<Json> groups = entry.getValue().node().isObject() ? List.of(entry.getValue()) : section.list(name);
            if (groups.isEmpty()) {
                throw section.error("'" + name + "' has no entry", "give at least one");
            }
            entries.put(name, tensor(name, groups));
        }
    }

    /// What an entry says of its numbers' type.
    private record Type(int bits, boolean floating, Optional<Boolean> symmetric) {}

    private static EncodingEntry tensor(String name, List<Json> groups) {
        groups.forEach(group -> group.allow("bitwidth", "dtype", "is_symmetric", "min", "max", "scale", "offset"));
        Json first = groups.getFirst();
        Type type = type(first);
        for (Json group : groups) {
            if (!type(group).equals(type)) {
                throw group.error("the channels differ in width, type or symmetry", "give them all one format");
            }
        }
        if (type.floating()) {
            if (groups.size() > 1) {
                throw first.error("a float tensor has %d entries".formatted(groups.size()), "give it one");
            }
            return new FloatingPoint(name, type.bits());
        }
        boolean anyRange = groups.stream().anyMatch(Version061::hasRange);
        if (!anyRange && groups.size() == 1) {
            return new Width(name, type.bits(), type.symmetric());
        }
        double[] scales = new double[groups.size()];
        long[] offsets = new long[scales.length];
        boolean symmetric = type.symmetric().orElse(false);
        for (int i = 0; i < scales.length; i++) {
            scale(groups.get(i), type.bits(), symmetric, i, scales, offsets);
        }
        Layout layout = scales.length == 1 ? Layout.PER_TENSOR : Layout.PER_CHANNEL;
        return new Affine(name, type.bits(), symmetric, layout, scales, offsets, OptionalInt.empty(), 0);
    }

    private static boolean hasRange(Json group) {
        return group.has("scale") || group.has("offset") || group.has("min") || group.has("max");
    }

    private static Type type(Json group) {
        String text = group.text("dtype").orElse("int").toLowerCase(Locale.ROOT);
        Matcher matcher = TYPE.matcher(text);
        if (!matcher.matches() || matcher.group(2).length() > 3) {
            throw group.error(
                    "'dtype' '" + text + "' is not known", "use int4, int8, int16 or float, or int with a 'bitwidth'");
        }
        boolean floating = !matcher.group(1).equals("int");
        OptionalInt named =
                matcher.group(2).isEmpty() ? OptionalInt.empty() : OptionalInt.of(Integer.parseInt(matcher.group(2)));
        int bits = group.has("bitwidth")
                ? EncodingsReader.bits(group, "bitwidth")
                : named.orElseGet(() -> {
                    if (floating) {
                        return 16;
                    }
                    throw group.error("there is no 'bitwidth'", "say one, or a 'dtype' such as int8");
                });
        if (named.isPresent() && named.getAsInt() != bits) {
            throw group.error("'dtype' is %s, but 'bitwidth' is %d".formatted(text, bits), "leave one of them out");
        }
        if (bits < 2 || bits > 32) {
            throw group.error("'dtype' is " + text, "widths are 2 to 32 bits");
        }
        if (floating && bits != 16 && bits != 32) {
            throw group.error("float has %d bits".formatted(bits), "floats have 16 or 32 bits");
        }
        return new Type(bits, floating, group.flag("is_symmetric"));
    }

    /// Scale and offset as written, otherwise from `min` and `max`. Positive offsets (old SNPE files) are recomputed.
    private static void scale(Json group, int bits, boolean symmetric, int i, double[] scales, long[] offsets) {
        boolean range = group.has("min") && group.has("max");
        if (range) {
            checkRange(group);
        }
        boolean legacy = range && group.has("offset") && group.number("offset") > 0;
        if (group.has("scale") && group.has("offset") && !legacy) {
            scales[i] = EncodingsReader.scale(group, group.number("scale"));
            offsets[i] = EncodingsReader.offset(group, group.number("offset"), bits, symmetric);
            if (range) {
                checkAgreement(group, bits, scales[i], offsets[i]);
            }
            return;
        }
        if (!range) {
            throw group.error("there is neither 'scale' with 'offset' nor 'min' with 'max'", "give one of both pairs");
        }
        double min = group.number("min");
        double max = group.number("max");
        double steps = (1L << bits) - 1;
        if (symmetric) {
            scales[i] = EncodingsReader.scale(group, Math.max(max, -min) / Math.floor(steps / 2));
            offsets[i] = -(1L << (bits - 1));
        } else {
            scales[i] = EncodingsReader.scale(group, (max - min) / steps);
            offsets[i] = -(long) Math.rint(-min / scales[i]);
        }
    }

    private static void checkRange(Json group) {
        double min = group.number("min");
        double max = group.number("max");
        if (min > max) {
            throw group.error("'min' %s is above 'max' %s".formatted(min, max), "exchange them");
        }
        if (min == max) {
            throw group.error("'min' and 'max' are both " + min, "a range has two ends; ranges contain zero");
        }
        if (min > 0 || max < 0) {
            throw group.error("'min' %s and 'max' %s do not enclose zero".formatted(min, max), "ranges contain zero");
        }
    }

    /// Both ends may be a step away: tools round zero onto the grid before or after.
    private static void checkAgreement(Json group, int bits, double scale, long offset) {
        double low = scale * offset;
        double high = scale * ((1L << bits) - 1 + offset);
        double slack = 1.01 * scale + 0.01 * (high - low);
        if (Math.abs(low - group.number("min")) > slack || Math.abs(high - group.number("max")) > slack) {
            throw group.error(
                    "'scale' and 'offset' give %s…%s, but 'min' and 'max' are %s and %s"
                            .formatted(low, high, group.number("min"), group.number("max")),
                    "leave one of both pairs out");
        }
    }
}
