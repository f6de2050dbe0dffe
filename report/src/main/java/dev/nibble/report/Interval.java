package dev.nibble.report;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A closed interval, written as `[low, high]`.
public record Interval(double low, double high) {
    public Interval {
        if (!(low <= high) || !Double.isFinite(low) || !Double.isFinite(high)) {
            throw new IllegalArgumentException("an interval needs finite low <= high, but was " + low + " … " + high);
        }
    }

    /// The interval, or `null` where an end is NaN or infinite.
    public static @Nullable Interval orNull(double low, double high) {
        return Double.isFinite(low) && Double.isFinite(high) ? new Interval(low, high) : null;
    }

    public boolean contains(double value) {
        return low <= value && value <= high;
    }

    /// The interval of `−x`.
    public Interval negated() {
        return new Interval(0 - high, 0 - low);
    }

    public double halfWidth() {
        return (high - low) / 2;
    }

    @JsonValue
    List<Double> toJson() {
        return List.of(low, high);
    }

    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    static Interval fromJson(List<Double> ends) {
        if (ends.size() != 2) {
            throw new IllegalArgumentException("an interval has two ends, but had " + ends.size());
        }
        return new Interval(ends.get(0), ends.get(1));
    }
}
