package dev.nibble.run.soak;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What many runs in a row showed.
///
/// @param latencies of the runs after the warm-up
/// @param memoryBytesPerRun the fitted growth; null where the system does not tell
/// @param latencyMicrosPerRun the fitted drift
/// @param points over time, for the picture
/// @param checks each with its verdict
public record SoakResult(
        int iterations,
        int warmup,
        Latencies latencies,
        @Nullable Trend memoryBytesPerRun,
        Trend latencyMicrosPerRun,
        List<Point> points,
        List<Check> checks) {
    public SoakResult {
        points = List.copyOf(points);
        checks = List.copyOf(checks);
    }

    /// The process at one moment.
    ///
    /// @param iteration how many runs were done
    /// @param micros the median latency since the point before
    public record Point(int iteration, long residentBytes, long descriptors, long threads, double micros) {}

    /// @param passed null where it could not be checked
    public record Check(String name, @Nullable Boolean passed, String text) {}

    /// Whether no check failed.
    public boolean passed() {
        return checks.stream().noneMatch(c -> Boolean.FALSE.equals(c.passed()));
    }
}
