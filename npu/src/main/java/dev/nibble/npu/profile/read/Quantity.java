package dev.nibble.npu.profile.read;

import dev.nibble.npu.profile.Unit;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A unit as tools write it.
///
/// @param factor what one of them is in `unit`
record Quantity(Unit unit, double factor) {
    private static final Quantity MICROS = new Quantity(Unit.MICROS, 1);
    private static final Quantity CYCLES = new Quantity(Unit.CYCLES, 1);

    /// Null where the word is no unit.
    static @Nullable Quantity of(String word) {
        return switch (word) {
            case "CYCLES", "cycles" -> CYCLES;
            case "US", "us", "µs", "μs" -> MICROS;
            default ->
                switch (word.toLowerCase(Locale.ROOT)) {
                    case "us", "usec", "micro_sec", "microseconds" -> MICROS;
                    case "ns", "nsec" -> new Quantity(Unit.MICROS, 1e-3);
                    case "ms", "msec", "milli_sec", "milliseconds" -> new Quantity(Unit.MICROS, 1e3);
                    case "s", "sec", "seconds" -> new Quantity(Unit.MICROS, 1e6);
                    case "cycle", "cycles" -> CYCLES;
                    case "count", "none" -> new Quantity(Unit.COUNT, 1);
                    case "bytes", "byte" -> new Quantity(Unit.BYTES, 1);
                    case "inf/sec", "inf/s", "inferences/sec" -> new Quantity(Unit.PER_SECOND, 1);
                    default -> null;
                };
        };
    }

    /// The number in `text`; NaN where there is none.
    static double number(String text) {
        int length = text.length();
        if (length > 0 && length <= 15) {
            long value = 0;
            int i = 0;
            for (; i < length; i++) {
                char c = text.charAt(i);
                if (c < '0' || c > '9') {
                    break;
                }
                value = 10 * value + (c - '0');
            }
            if (i == length) {
                return value;
            }
        }
        if (text.isEmpty() || text.length() > 40 || "+-.0123456789".indexOf(text.charAt(0)) < 0) {
            return Double.NaN;
        }
        for (int i = 0; i < text.length(); i++) {
            if ("+-.eE0123456789".indexOf(text.charAt(i)) < 0) {
                return Double.NaN;
            }
        }
        try {
            return Double.parseDouble(text);
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
    }
}
