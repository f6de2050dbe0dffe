package dev.nibble.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class EncodingTest {
    /// "Quantized models" in the SNPE documentation.
    @Test
    void reproducesTheWorkedExampleOfSnpe() {
        Encoding encoding = Encoding.ofRange(-1.8, 0.5, 8, Symmetry.ASYMMETRIC);
        assertEquals(0.009020, encoding.scale(), 5e-7, "printed with six decimals");
        int[] codes = IntStream.range(0, 4)
                .map(i -> encoding.quantize(new float[] {-1.8f, -1.0f, 0, 0.5f}[i]))
                .toArray();
        assertArrayEquals(new int[] {0, 89, 200, 255}, codes);
    }

    @Test
    void roundsHalfToEven() {
        Encoding encoding = new Encoding(2, 0, IntegerGrid.INT8);
        assertEquals(0, encoding.quantize(1));
        assertEquals(2, encoding.quantize(3));
        assertEquals(2, encoding.quantize(5));
        assertEquals(-2, encoding.quantize(-3));
        Encoding odd = new Encoding(2, 3, IntegerGrid.INT8);
        assertEquals(3, odd.quantize(1), "rounding comes before the zero point is added");
    }

    @ParameterizedTest
    @CsvSource({
        "ASYMMETRIC, 8, 0, 255",
        "ASYMMETRIC, 4, 0, 15",
        "ASYMMETRIC, 2, 0, 3",
        "ASYMMETRIC, 16, 0, 65535",
        "SYMMETRIC, 8, -128, 127",
        "SYMMETRIC, 2, -2, 1",
        "STRICT_SYMMETRIC, 8, -127, 127",
        "STRICT_SYMMETRIC, 4, -7, 7",
        "STRICT_SYMMETRIC, 2, -1, 1",
        "SYMMETRIC, 32, -2147483648, 2147483647"
    })
    void eachSymmetryHasItsGrid(Symmetry symmetry, int bits, int qMin, int qMax) {
        IntegerGrid grid = Encoding.ofRange(-3, 2, bits, symmetry).grid();
        assertEquals(qMin, grid.qMin());
        assertEquals(qMax, grid.qMax());
        assertEquals((long) qMax - qMin, grid.steps());
    }

    @Test
    void symmetricPutsTheLargestMagnitudeOnTheLastCode() {
        assertEquals(
                2.54f / 127, Encoding.ofRange(-1, 2.54, 8, Symmetry.SYMMETRIC).scale(), 1e-9f);
        assertEquals(
                2.54f / 127,
                Encoding.ofRange(-2.54, 1, 8, Symmetry.STRICT_SYMMETRIC).scale(),
                1e-9f);
        assertEquals(
                0.7f / 7,
                Encoding.ofRange(-0.7, 0.7, 4, Symmetry.STRICT_SYMMETRIC).scale(),
                1e-9f);
    }

    @Test
    void unsignedSymmetricUsesAllCodesWhereNothingIsNegative() {
        Encoding positive = Encoding.ofRange(0, 2.55, 8, Symmetry.UNSIGNED_SYMMETRIC);
        assertEquals(new Encoding(2.55f / 255, 0, IntegerGrid.UINT8), positive);
        assertEquals(
                IntegerGrid.INT8,
                Encoding.ofRange(-0.1, 2.55, 8, Symmetry.UNSIGNED_SYMMETRIC).grid());
    }

    @ParameterizedTest
    @EnumSource(Symmetry.class)
    void anAllZeroRangeIsTakenAsPlusMinusOne(Symmetry symmetry) {
        Encoding encoding = Encoding.ofRange(0, 0, 8, symmetry);
        assertEquals(1, encoding.max(), 0.01, "within one step of 2/255");
        assertEquals(0, encoding.fakeQuantize(0));
    }

    @ParameterizedTest
    @ValueSource(doubles = {Float.MIN_VALUE, 1e-40, 1e-30, 1e-20})
    void tinyRangesGetTheSmallestScale(double magnitude) {
        Encoding encoding = Encoding.ofRange(-magnitude, magnitude, 16, Symmetry.SYMMETRIC);
        assertEquals(Encoding.MINIMUM_SCALE, encoding.scale());
        assertTrue(encoding.scale() * encoding.scale() >= Float.MIN_NORMAL, "a bias scale stays normal");
        assertTrue(Float.isFinite(encoding.fakeQuantize((float) magnitude)));
    }

    @ParameterizedTest
    @EnumSource(Symmetry.class)
    void theLargestFloatsStayFinite(Symmetry symmetry) {
        for (int bits : new int[] {2, 4, 8, 16}) {
            Encoding encoding = Encoding.ofRange(-Float.MAX_VALUE, Float.MAX_VALUE, bits, symmetry);
            for (float value : new float[] {-Float.MAX_VALUE, Float.MAX_VALUE}) {
                assertTrue(Float.isFinite(encoding.fakeQuantize(value)), symmetry + " " + bits + " " + encoding);
            }
        }
    }

    @Test
    void aSinglePointIsStretchedToZeroAndKept() {
        Encoding positive = Encoding.ofRange(3, 3, 8, Symmetry.ASYMMETRIC);
        assertEquals(0, positive.zeroPoint());
        assertEquals(3, positive.fakeQuantize(3), 1e-6);
        Encoding negative = Encoding.ofRange(-3, -3, 8, Symmetry.ASYMMETRIC);
        assertEquals(255, negative.zeroPoint());
        assertEquals(-3, negative.fakeQuantize(-3), 1e-6);
    }

    @Test
    void refusesNonsense() {
        assertThrows(IllegalArgumentException.class, () -> Encoding.ofRange(1, -1, 8, Symmetry.SYMMETRIC));
        assertThrows(IllegalArgumentException.class, () -> Encoding.ofRange(0, Double.NaN, 8, Symmetry.SYMMETRIC));
        assertThrows(IllegalArgumentException.class, () -> new Encoding(Float.MIN_VALUE, 0, IntegerGrid.INT8));
        assertThrows(IllegalArgumentException.class, () -> new Encoding(1, 128, IntegerGrid.INT8));
        assertThrows(IllegalArgumentException.class, () -> new IntegerGrid(7, true, false));
        assertThrows(IllegalArgumentException.class, () -> new IntegerGrid(32, false, false));
    }

    @Test
    void signednessCanBeFlippedWithoutChangingTheMapping() {
        Encoding encoding = Encoding.ofRange(-1.8, 0.5, 8, Symmetry.ASYMMETRIC);
        Encoding flipped = encoding.flippedSign();
        assertEquals(72, flipped.zeroPoint());
        assertEquals(encoding.fakeQuantize(0.3f), flipped.fakeQuantize(0.3f));
        assertEquals(encoding, flipped.flippedSign());
    }

    /// Error ≤ scale / 2 inside the range, zero exact, monotone, idempotent, for random ranges of every scheme.
    @Test
    void keepsItsPromisesOnRandomRanges() {
        Random random = new Random(7);
        for (int trial = 0; trial < 2000; trial++) {
            Symmetry symmetry = Symmetry.values()[random.nextInt(4)];
            int bits = new int[] {2, 4, 8, 16}[random.nextInt(4)];
            double magnitude = Math.pow(10, random.nextDouble(-12, 12));
            double a = random.nextGaussian() * magnitude;
            double b = random.nextGaussian() * magnitude;
            double min = Math.min(a, b);
            double max = Math.max(a, b);
            Encoding encoding = Encoding.ofRange(min, max, bits, symmetry);
            assertEquals(0f, encoding.fakeQuantize(0f), "zero is exact");
            int last = Integer.MIN_VALUE;
            for (int i = 0; i <= 20; i++) {
                float x = (float) (min + (max - min) * i / 20);
                int code = encoding.quantize(x);
                assertTrue(code >= last, "monotone");
                last = code;
                // Half a step, and the rounding of the quotient (up to 65535 steps) and of x̂ to float.
                double tolerance = encoding.scale() * (0.5 + 65536 * 2 * Math.ulp(1f));
                assertEquals(x, encoding.dequantize(code), tolerance, () -> encoding + " at " + x);
                assertEquals(code, encoding.quantize(encoding.dequantize(code)), "idempotent");
            }
        }
    }
}
