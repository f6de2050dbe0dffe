package dev.nibble.run.soak;

import java.util.Arrays;

/// How long runs took, in microseconds.
///
/// @param n runs that count
/// @param firstMicros the very first run, which is warm-up and not among the others; NaN where there was none
/// @param p50Micros half of the runs were at least as fast; likewise the others (nearest rank)
public record Latencies(
        int n,
        double firstMicros,
        double meanMicros,
        double minMicros,
        double p50Micros,
        double p90Micros,
        double p99Micros,
        double maxMicros) {

    /// @param warmup the times of the runs before, in nanoseconds; may be empty
    /// @param nanos the times that count; at least one
    public static Latencies of(long[] warmup, long[] nanos) {
        if (nanos.length == 0) {
            throw new IllegalArgumentException("no run was measured");
        }
        long[] sorted = nanos.clone();
        Arrays.sort(sorted);
        return new Latencies(
                sorted.length,
                warmup.length == 0 ? Double.NaN : warmup[0] / 1e3,
                Arrays.stream(sorted).average().orElseThrow() / 1e3,
                sorted[0] / 1e3,
                rank(sorted, 0.50),
                rank(sorted, 0.90),
                rank(sorted, 0.99),
                sorted[sorted.length - 1] / 1e3);
    }

    private static double rank(long[] sorted, double share) {
        return sorted[Math.max(0, (int) Math.ceil(share * sorted.length) - 1)] / 1e3;
    }
}
