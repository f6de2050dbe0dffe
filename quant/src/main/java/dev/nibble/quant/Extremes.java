package dev.nibble.quant;

/// The smallest and the largest of some floats, NaN and infinities included, as keys whose order as signed integers
/// is the order of the floats (NaN lies outside the infinities, by sign).
///
/// Integer order makes the extremes exact, independent of order and grouping, and cheap to find with vector
/// instructions; non-finite values need no test of their own.
///
/// @param minKey key of the smallest value; [Integer#MAX_VALUE] where there is none
/// @param maxKey key of the largest value; [Integer#MIN_VALUE] where there is none
public record Extremes(int minKey, int maxKey) {
    /// The extremes of no values.
    public static final Extremes NONE = new Extremes(Integer.MAX_VALUE, Integer.MIN_VALUE);

    private static final int INFINITY_KEY = key(Float.floatToRawIntBits(Float.POSITIVE_INFINITY));

    /// The key of a float's bits; its own inverse.
    public static int key(int bits) {
        return bits ^ bits >> 31 & Integer.MAX_VALUE;
    }

    /// The extremes of one value.
    public static Extremes of(float value) {
        int key = key(Float.floatToRawIntBits(value));
        return new Extremes(key, key);
    }

    /// The extremes of both.
    public Extremes merge(Extremes other) {
        return new Extremes(Math.min(minKey, other.minKey), Math.max(maxKey, other.maxKey));
    }

    /// Whether there was no value.
    public boolean isEmpty() {
        return minKey > maxKey;
    }

    /// Whether no value was NaN or infinite.
    public boolean isFinite() {
        return isEmpty() || maxKey < INFINITY_KEY && minKey > ~INFINITY_KEY;
    }

    /// The smallest value; 0 where there is none.
    public float min() {
        return isEmpty() ? 0 : Float.intBitsToFloat(key(minKey)) + 0f;
    }

    /// The largest value; 0 where there is none.
    public float max() {
        return isEmpty() ? 0 : Float.intBitsToFloat(key(maxKey)) + 0f;
    }
}
