package dev.nibble.report;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// How components of records are made fit for JSON: absent lists become empty ones, numbers that JSON cannot hold
/// become `null` or a defined bound.
final class Values {
    private Values() {}

    static <T> List<T> list(@Nullable List<? extends T> list) {
        return list == null ? List.of() : List.copyOf(list);
    }

    /// A copy that keeps the order.
    static <V> Map<String, V> map(@Nullable Map<String, ? extends V> map) {
        return map == null ? Map.of() : Collections.unmodifiableMap(new LinkedHashMap<>(map));
    }

    /// A copy in the order of the keys, for maps whose own order means nothing.
    static <V> Map<String, V> sorted(@Nullable Map<String, ? extends V> map) {
        return map == null ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(map));
    }

    /// `null` for NaN and infinity.
    static @Nullable Double finite(@Nullable Double value) {
        return value == null || !Double.isFinite(value) ? null : value;
    }

    /// `null` for NaN; ±[Decibels#EXACT] beyond that bound.
    static @Nullable Double decibels(@Nullable Double value) {
        return value == null || value.isNaN()
                ? null
                : Double.valueOf(Math.clamp(value, -Decibels.EXACT, Decibels.EXACT));
    }

    static double nonNegative(String name, double value) {
        if (!(value >= 0 && Double.isFinite(value))) {
            throw new IllegalArgumentException(name + " must be finite and not negative, but was " + value);
        }
        return value;
    }

    static long nonNegative(String name, long value) {
        if (value < 0) {
            throw new IllegalArgumentException(name + " must not be negative, but was " + value);
        }
        return value;
    }

    static <T> T present(String name, @Nullable T value) {
        if (value == null) {
            throw new IllegalArgumentException(name + " is missing");
        }
        return value;
    }
}
