package dev.nibble.data.metric;

/// Two runs over the same samples.
///
/// @param reference value of the first run (float)
/// @param value value of the second (quantized)
/// @param difference `value − reference`; negative is a loss
/// @param ci95 of the difference; a real difference is likely where it leaves out 0
/// @param pValue two-sided: McNemar's mid-p for right-or-wrong scores, bootstrap otherwise
public record Comparison(
        String name, double reference, double value, double difference, Interval ci95, double pValue, long n) {
    /// Compares the scores of two runs.
    ///
    /// @throws IllegalArgumentException where they differ in number
    public static Comparison of(String name, Scores reference, Scores scores) {
        throw new UnsupportedOperationException();
    }
}
