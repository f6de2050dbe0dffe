package dev.nibble.quant.observe;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class HistogramTest {
    /// Half a bin is at most 2⁻¹¹ of a value.
    private static final double BIN = 0x1p-10;

    @Test
    void quantilesAreWithinABinOfTheSortedData() {
        float[] values = gaussian(10_000, 3);
        Histogram histogram = Histogram.of(values);
        float[] sorted = values.clone();
        Arrays.sort(sorted);
        for (double q : new double[] {0.0001, 0.01, 0.3, 0.5, 0.7, 0.99, 0.9999}) {
            int rank = (int) Math.round(q * values.length);
            double value = histogram.quantile(q);
            double slack = Math.abs(value) * BIN;
            assertTrue(value >= sorted[rank - 1] - slack && value <= sorted[rank] + slack, q + ": " + value);
        }
        assertEquals(sorted[0], histogram.quantile(0));
        assertEquals(sorted[9999], histogram.quantile(1));
        assertThrows(IllegalArgumentException.class, () -> histogram.quantile(1.1));
    }

    @Test
    void quantilesAreMonotoneAndKnowZeros() {
        float[] values = gaussian(1000, 4);
        for (int i = 0; i < 500; i++) {
            values[i] = 0;
        }
        Histogram histogram = Histogram.of(values);
        double last = Double.NEGATIVE_INFINITY;
        for (int i = 0; i <= 1000; i++) {
            double value = histogram.quantile(i / 1000.0);
            assertTrue(value >= last, "at " + i);
            last = value;
        }
        assertEquals(0, histogram.quantile(0.5));
    }

    @Test
    void sumsBelowAMagnitudeMatchTheData() {
        float[] values = gaussian(20_000, 5);
        Histogram histogram = Histogram.of(values);
        for (double x : new double[] {0, 1e-3, 0.1, 0.5, 1, 2, 3, 100}) {
            double count = 0;
            double sum = 0;
            double squares = 0;
            for (float value : values) {
                if (value > 0 && value < x) {
                    count++;
                    sum += value;
                    squares += (double) value * value;
                }
            }
            Magnitudes.Sums sums = histogram.positive().sums(x);
            // A bin around x holds at most 20 of these values; inside bins positions average out.
            assertEquals(count, sums.count(), 20);
            assertEquals(sum, sums.sum(), 20 * x + sum * BIN);
            assertEquals(squares, sums.squares(), 20 * x * x + squares * BIN);
        }
    }

    /// A mask constant must not cost the small values their resolution.
    @Test
    void anOutlierDoesNotBlurTheRest() {
        for (float mask : new float[] {-1e9f, -3.4e38f}) {
            float[] values = gaussian(10_000, 6);
            Histogram plain = Histogram.of(values);
            values[17] = mask;
            Histogram masked = Histogram.of(values);
            assertEquals(mask, masked.min());
            assertEquals(plain.quantile(0.9), masked.quantile(0.9), 1e-2);
            assertEquals(
                    plain.positive().total().squares(),
                    masked.positive().total().squares(),
                    1);
        }
    }

    @Test
    void tinyAndHugeValuesAreCounted() {
        Histogram histogram = Histogram.of(
                Float.MIN_VALUE, -Float.MIN_VALUE, 1e-40f, -1e-40f, Float.MAX_VALUE, -Float.MAX_VALUE, 1f, 0f);
        assertEquals(8, histogram.binned());
        assertEquals(Float.MAX_VALUE, histogram.positive().max());
        assertEquals(-Float.MAX_VALUE, histogram.quantile(0));
        Histogram denormals = Histogram.of(1e-39f, 2e-39f, 3e-39f);
        assertEquals(3, denormals.binned());
        assertEquals(2e-39, denormals.quantile(0.5), 1e-39);
    }

    @Test
    void linearBinsAddUp() {
        Histogram histogram = Histogram.of(gaussian(5000, 8));
        double[] counts = histogram.linear(-10, 10, 50);
        assertEquals(5000, Arrays.stream(counts).sum(), 1e-6);
        assertTrue(Arrays.stream(counts).allMatch(c -> c >= -1e-9));
    }

    private static float[] gaussian(int count, long seed) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /// What a mask of −10⁶ leaves of the scores −5 to 3, exactly but for the width of a bin (2⁻¹⁰ of the value).
    @Test
    void whatOnlyMasksIsLeftOut() {
        Histogram seen = Histogram.of(-1e6f, -999_990f, -5, -4.5f, 0, 3, -1_000_053f);
        Histogram scores = seen.above(12);
        assertEquals(4, scores.count());
        assertEquals(-5, scores.min(), 5.0 / 1024);
        assertEquals(3, scores.max());
        assertEquals(seen, seen.above(20), "nothing lies that low");
    }

    /// The last bin of an exponent ends where the next exponent begins, for odd exponents as well.
    @Test
    void theLastBinOfAnExponentReachesTheNext() {
        for (int exponent = 100; exponent < 104; exponent++) {
            assertEquals(Bins.lower(exponent + 1, 0), Bins.lower(exponent, Bins.PAGE));
        }
    }
}
