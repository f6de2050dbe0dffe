package dev.nibble.data.metric;

/// A 95 % confidence interval; NaN at both ends where there is nothing to say one about.
public record Interval(double low, double high) {
    /// No interval.
    public static final Interval NONE = new Interval(Double.NaN, Double.NaN);

    public Interval {
        if (low > high) {
            throw new IllegalArgumentException("low must not exceed high, but were " + low + " and " + high);
        }
    }

    public boolean contains(double value) {
        return low <= value && value <= high;
    }
}
