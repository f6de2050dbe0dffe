package dev.nibble.run.soak;

import dev.nibble.run.soak.SoakResult.Check;
import dev.nibble.run.soak.SoakResult.Point;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Runs something many times and judges: does memory grow, does it get slower, do equal inputs give equal outputs, do
/// descriptors or threads pile up?
public final class Soak {
    /// Moments at which the process is looked at.
    private static final int POINTS = 60;

    /// Growth below this is not told from noise: a JVM's heap alone moves as much. In bytes over the runs fitted.
    static final long MEMORY_NOISE = 8L << 20;

    /// And below this share of what the process holds.
    private static final double MEMORY_SHARE = 0.01;

    /// Getting slower by less than this share of the median over the runs fitted is no drift.
    static final double LATENCY_NOISE = 0.10;

    /// Descriptors and threads that may come and go: the JVM's own.
    private static final long COUNT_NOISE = 4;

    /// The first part of the runs is not fitted: compilers and allocators settle.
    private static final double SETTLING = 1.0 / 3;

    private Soak() {}

    /// What is run.
    @FunctionalInterface
    public interface Step {
        /// Runs once.
        ///
        /// @param sample which input, from 0
        /// @return a digest of all outputs, taken outside the time where `nanos` says so
        Run run(int sample);
    }

    /// @param nanos what the run took
    /// @param digest of its outputs
    public record Run(long nanos, long digest) {}

    /// @param samples how many different inputs there are, taken in turn
    /// @param iterations at least 10
    /// @param warmup runs before, which do not count
    /// @param progress told how many runs are done
    public static SoakResult run(Step step, int samples, int iterations, int warmup, IntConsumer progress) {
        return run(step, samples, iterations, warmup, progress, ProcessState::now);
    }

    /// As [#run(Step, int, int, int, IntConsumer)], where another process does the work.
    ///
    /// @param watched how that process stands
    public static SoakResult run(
            Step step, int samples, int iterations, int warmup, IntConsumer progress, Supplier<ProcessState> watched) {
        if (samples < 1 || iterations < 10 || warmup < 0) {
            throw new IllegalArgumentException("a soak takes at least 1 sample and 10 iterations");
        }
        long[] before = new long[warmup];
        for (int i = 0; i < warmup; i++) {
            before[i] = step.run(i % samples).nanos();
        }
        long[] nanos = new long[iterations];
        long[] digests = new long[samples];
        int differing = 0;
        int firstDiffering = -1;
        List<Point> points = new ArrayList<>();
        int every = Math.max(1, iterations / POINTS);
        points.add(point(watched, 0, nanos, 0));
        for (int i = 0; i < iterations; i++) {
            int sample = i % samples;
            Run run = step.run(sample);
            nanos[i] = run.nanos();
            if (i < samples) {
                digests[sample] = run.digest();
            } else if (digests[sample] != run.digest()) {
                differing++;
                firstDiffering = firstDiffering < 0 ? i : firstDiffering;
            }
            if ((i + 1) % every == 0 || i == iterations - 1) {
                points.add(point(watched, i + 1, nanos, points.getLast().iteration()));
            }
            progress.accept(i + 1);
        }
        return judged(before, nanos, points, samples, differing, firstDiffering);
    }

    /// Garbage is collected first, so that what remains is held.
    private static Point point(Supplier<ProcessState> watched, int done, long[] nanos, int since) {
        System.gc();
        ProcessState state = watched.get();
        long[] part = Arrays.copyOfRange(nanos, since, done);
        Arrays.sort(part);
        double median = part.length == 0 ? 0 : part[part.length / 2] / 1e3;
        return new Point(done, state.residentBytes(), state.descriptors(), state.threads(), median);
    }

    private static SoakResult judged(
            long[] warmup, long[] nanos, List<Point> points, int samples, int differing, int firstDiffering) {
        List<Point> fitted = points.stream()
                .filter(p -> p.iteration() > 0 && p.iteration() >= SETTLING * nanos.length)
                .toList();
        double[] at = fitted.stream().mapToDouble(Point::iteration).toArray();
        double runs = at[at.length - 1] - at[0];
        Latencies latencies = Latencies.of(warmup, nanos);
        Trend memory = null;
        List<Check> checks = new ArrayList<>();
        if (points.getFirst().residentBytes() < 0) {
            checks.add(new Check("memory", null, "this system does not tell a process its memory"));
        } else {
            memory = Trend.of(
                    at, fitted.stream().mapToDouble(Point::residentBytes).toArray());
            checks.add(memory(memory, runs, points.getLast().residentBytes()));
        }
        Trend latency = Trend.of(at, fitted.stream().mapToDouble(Point::micros).toArray());
        checks.add(latency(latency, runs, latencies.p50Micros()));
        checks.add(new Check(
                "outputs",
                nanos.length <= samples ? null : Boolean.valueOf(differing == 0),
                nanos.length <= samples
                        ? "no input was run twice: more iterations than samples are needed"
                        : differing == 0
                                ? "equal inputs gave equal outputs"
                                : "%d runs gave other outputs for the same input, the first is run %d"
                                        .formatted(differing, firstDiffering + 1)));
        checks.add(count(
                "descriptors", fitted.getFirst().descriptors(), points.getLast().descriptors()));
        checks.add(
                count("threads", fitted.getFirst().threads(), points.getLast().threads()));
        return new SoakResult(nanos.length, warmup.length, latencies, memory, latency, points, checks);
    }

    private static Check memory(Trend trend, double runs, long resident) {
        double least = trend.low() * runs;
        double allowed = Math.max(MEMORY_NOISE, MEMORY_SHARE * resident);
        return new Check(
                "memory",
                least <= allowed,
                String.format(
                        Locale.ROOT,
                        "%+.0f bytes a run (95 %%: %+.0f to %+.0f), at least %.1f MB over %.0f runs; up to %.1f MB is noise",
                        trend.slope(),
                        trend.low(),
                        trend.high(),
                        Math.max(0, least) / 1e6,
                        runs,
                        allowed / 1e6));
    }

    private static Check latency(Trend trend, double runs, double median) {
        double least = trend.low() * runs;
        return new Check(
                "latency",
                least <= LATENCY_NOISE * median,
                String.format(
                        Locale.ROOT,
                        "%+.4f µs a run (95 %%: %+.4f to %+.4f), at least %.1f %% of the median over %.0f runs; up to"
                                + " %.0f %% is noise",
                        trend.slope(),
                        trend.low(),
                        trend.high(),
                        100 * Math.max(0, least) / median,
                        runs,
                        100 * LATENCY_NOISE));
    }

    private static Check count(String name, long first, long last) {
        @Nullable Boolean passed = first < 0 ? null : Boolean.valueOf(last - first <= COUNT_NOISE);
        return new Check(
                name,
                passed,
                first < 0 ? "this system does not tell" : "%d at first, %d at last".formatted(first, last));
    }
}
