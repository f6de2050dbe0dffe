package dev.nibble.run.soak;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/// Planted defects are caught, and what is sound passes.
class SoakTest {
    private static final int RUNS = 240;

    private static SoakResult soak(Soak.Step step) {
        return Soak.run(step, 4, RUNS, 5, i -> {});
    }

    private static SoakResult.Check check(SoakResult result, String name) {
        return result.checks().stream()
                .filter(c -> c.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static void linux() {
        Assumptions.assumeTrue(Files.isReadable(Path.of("/proc/self/status")), "only Linux tells a process its memory");
    }

    @Test
    void whatIsSoundPasses() {
        SplittableRandom random = new SplittableRandom(1);
        SoakResult result = soak(sample -> {
            byte[] garbage = new byte[1 << 16];
            garbage[sample] = 1;
            return new Soak.Run(1_000_000 + random.nextInt(50_000), sample + garbage.length);
        });
        assertTrue(result.passed(), result.checks().toString());
        assertEquals(RUNS, result.latencies().n());
    }

    /// 2 MiB a run that nobody frees, as a native library leaks: more in all than what earlier tests may have freed and
    /// the process still holds, which would be used up first.
    @Test
    @SuppressWarnings("MustBeClosedChecker") // that is the defect
    void aLeakOfNativeMemoryIsCaught() {
        linux();
        List<Arena> held = new ArrayList<>();
        try {
            SoakResult result = soak(sample -> {
                Arena arena = Arena.ofShared();
                held.add(arena);
                arena.allocate(2 << 20).fill((byte) 1);
                return new Soak.Run(1_000_000, sample);
            });
            assertFalse(result.passed());
            assertEquals(
                    Boolean.FALSE,
                    check(result, "memory").passed(),
                    result.checks().toString());
            Trend growth = result.memoryBytesPerRun();
            assertTrue(growth != null && growth.low() > 0 && growth.high() >= 1_000_000, String.valueOf(growth));
        } finally {
            held.forEach(Arena::close);
        }
    }

    @Test
    void aLeakOfDescriptorsIsCaught() throws IOException {
        linux();
        List<FileInputStream> held = new ArrayList<>();
        try {
            SoakResult result = soak(sample -> {
                try {
                    held.add(new FileInputStream("/proc/self/status"));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                return new Soak.Run(1_000_000, sample);
            });
            assertEquals(Boolean.FALSE, check(result, "descriptors").passed());
        } finally {
            for (FileInputStream stream : held) {
                stream.close();
            }
        }
    }

    @Test
    void anOutputThatChangesOnceIsCaught() {
        int[] runs = {0};
        SoakResult result = soak(sample -> new Soak.Run(1_000_000, runs[0]++ == 100 ? -1 : sample));
        SoakResult.Check outputs = check(result, "outputs");
        assertEquals(Boolean.FALSE, outputs.passed());
        assertEquals("1 runs gave other outputs for the same input, the first is run 96", outputs.text());
    }

    @Test
    void gettingSlowerIsCaught() {
        int[] runs = {0};
        SoakResult result = soak(sample -> new Soak.Run(1_000_000 + 2_000L * runs[0]++, sample));
        assertEquals(
                Boolean.FALSE,
                check(result, "latency").passed(),
                result.checks().toString());
    }

    @Test
    void theTrendOfALine() {
        double[] x = new double[30];
        double[] y = new double[30];
        SplittableRandom random = new SplittableRandom(7);
        for (int i = 0; i < 30; i++) {
            x[i] = i;
            y[i] = 5 + 2 * i + random.nextDouble(-1, 1);
        }
        Trend trend = Trend.of(x, y);
        assertTrue(trend.low() < 2 && 2 < trend.high() && trend.high() - trend.low() < 0.2, trend.toString());
        assertEquals(new Trend(3, 3, 3), Trend.of(new double[] {0, 1, 2}, new double[] {0, 3, 6}));
    }

    @Test
    void percentilesAreNearestRanks() {
        long[] nanos = new long[100];
        for (int i = 0; i < 100; i++) {
            nanos[i] = 1000L * (100 - i);
        }
        Latencies latencies = Latencies.of(new long[] {9_000_000}, nanos);
        assertEquals(50, latencies.p50Micros());
        assertEquals(90, latencies.p90Micros());
        assertEquals(99, latencies.p99Micros());
        assertEquals(9000, latencies.firstMicros());
    }
}
