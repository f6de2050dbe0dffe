package dev.nibble.data.metric;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Published examples, and what must hold for all.
class ProportionTest {
    /// The papers print four decimals.
    private static final double PRINTED = 0.00006;

    /// Newcombe, Statistics in Medicine 17:857 (1998), table I, method 3.
    @ParameterizedTest
    @CsvSource({"81, 263, 0.2553, 0.3662", "15, 148, 0.0624, 0.1605", "0, 20, 0, 0.1611", "1, 29, 0.0061, 0.1718"})
    void wilsonAsPublished(long successes, long n, double low, double high) {
        Interval interval = Proportion.wilson(successes, n);
        assertEquals(low, interval.low(), PRINTED);
        assertEquals(high, interval.high(), PRINTED);
    }

    /// Airway hyper-responsiveness before and after stem cell transplantation (Bentur et al.), in Fagerland, Lydersen
    /// and Laake (2013): 1 and 7 discordant pairs give 0.0703 and 0.0391.
    @Test
    void mcNemarAsPublished() {
        assertEquals(0.0703, Proportion.mcNemarExact(1, 7), PRINTED);
        assertEquals(0.0391, Proportion.mcNemarMidP(1, 7), PRINTED);
        assertEquals(1, Proportion.mcNemarExact(0, 0));
        assertEquals(1, Proportion.mcNemarMidP(0, 0), 1e-12);
        assertEquals(1, Proportion.mcNemarMidP(5, 5), 1e-12);
    }

    @Test
    void mcNemarAgreesWithDirectSumsAndStaysSoundForManyPairs() {
        for (int n = 1; n <= 60; n++) {
            for (int k = 0; k <= n / 2; k++) {
                double sum = 0;
                double term = Math.pow(0.5, n);
                double last = term;
                for (int i = 0; i <= k; i++) {
                    sum += term;
                    last = term;
                    term = term * (n - i) / (i + 1);
                }
                assertEquals(Math.min(1, 2 * sum), Proportion.mcNemarExact(k, n - k), 1e-11);
                assertEquals(Math.min(1, 2 * sum - last), Proportion.mcNemarMidP(n - k, k), 1e-11);
            }
        }
        // The normal approximation of a large binomial: z = 2 is a two-sided 0.0455.
        assertEquals(0.0455, Proportion.mcNemarMidP(500_000 - 1_000, 500_000 + 1_000), 0.0002);
        assertTrue(Proportion.mcNemarExact(0, 1_000_000) >= 0);
    }

    @Test
    void pairedIntervalsHoldTheDifferenceAndMirror() {
        Random random = new Random(1);
        for (int i = 0; i < 2_000; i++) {
            int a = random.nextInt(200);
            int b = random.nextInt(40);
            int c = random.nextInt(40);
            int d = random.nextInt(60) + 1;
            Interval interval = Proportion.pairedDifference(a, b, c, d);
            double difference = (double) (c - b) / (a + b + c + d);
            assertTrue(interval.contains(difference));
            assertTrue(interval.low() >= -1 && interval.high() <= 1);
            Interval mirrored = Proportion.pairedDifference(a, c, b, d);
            assertEquals(-interval.high(), mirrored.low(), 1e-12);
            assertEquals(-interval.low(), mirrored.high(), 1e-12);
        }
    }

    /// Newcombe, Statistics in Medicine 17:2635 (1998), table II, method 10: 36, 12, 2, 0 give 0.0569 to 0.3404. For the
    /// airway example, Fagerland, Lydersen and Laake (Statistics in Medicine 33:2850, 2014) give −0.507 to −0.026.
    @Test
    void pairedIntervalsAsPublished() {
        Interval interval = Proportion.pairedDifference(36, 2, 12, 0);
        assertEquals(0.0569, interval.low(), PRINTED);
        assertEquals(0.3404, interval.high(), PRINTED);
        Interval airway = Proportion.pairedDifference(1, 7, 1, 12);
        assertEquals(-0.507, airway.low(), 0.0006);
        assertEquals(-0.026, airway.high(), 0.0006);
    }

    /// 95 % is what is promised; Newcombe's interval keeps to it on average over such tables.
    @Test
    void pairedIntervalsCoverTheTruth() {
        Random random = new Random(2);
        int covered = 0;
        int runs = 4_000;
        for (int run = 0; run < runs; run++) {
            BitSet first = new BitSet();
            BitSet second = new BitSet();
            for (int i = 0; i < 300; i++) {
                double u = random.nextDouble();
                first.set(i, u < 0.88);
                second.set(i, u < 0.84 || u > 0.98);
            }
            // P(first) = 0.88, P(second) = 0.86.
            Comparison comparison =
                    Comparison.of("top1", new Scores.Binary(first, 300), new Scores.Binary(second, 300));
            covered += comparison.ci95().contains(-0.02) ? 1 : 0;
        }
        // Binomial error of 4,000 runs is 0.0035; the bounds are three of those below and, for a cautious interval,
        // above.
        double share = (double) covered / runs;
        assertTrue(share > 0.94 && share < 0.985, "covered " + share);
    }

    @Test
    void chanceIsToldFromSkill() {
        assertTrue(Proportion.atChance(103, 1000, 10));
        assertTrue(Proportion.atChance(80, 1000, 10));
        assertFalse(Proportion.atChance(140, 1000, 10));
        assertTrue(Proportion.atChance(1, 256, 1000));
        assertFalse(Proportion.atChance(0, 0, 10));
    }
}
