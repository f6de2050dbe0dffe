package dev.nibble.quant.weight;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class NormalizationShiftTest {
    private static final int CHANNELS = 6;
    private static final int ROWS = 40;
    private static final float[] SCALE = {1, 2, 0.5f, 1, 1, 3};
    private static final double EPSILON = 1e-5;

    /// Sums of floats of size 10 in another order.
    private static final double ROUNDING = 1e-5;

    private final Random random = new Random(11);

    private float[] values() {
        float[] values = new float[ROWS * CHANNELS];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() + (i % CHANNELS == 2 ? 5 : 0);
        }
        return values;
    }

    private static float[] clipped(float[] values) {
        float[] clipped = values.clone();
        for (int i = 0; i < clipped.length; i++) {
            clipped[i] = Math.min(clipped[i], 4);
        }
        return clipped;
    }

    private static Tensor tensor(float[] values) {
        return Tensor.of(Shape.of(1, values.length / CHANNELS, CHANNELS), values);
    }

    /// The definition: ONNX's LayerNormalization without its shift, averaged over rows.
    private static double[] mean(float[] values) {
        double[] mean = new double[CHANNELS];
        int rows = values.length / CHANNELS;
        for (int row = 0; row < rows; row++) {
            double centre = 0;
            double variance = 0;
            for (int c = 0; c < CHANNELS; c++) {
                centre += values[row * CHANNELS + c] / (double) CHANNELS;
            }
            for (int c = 0; c < CHANNELS; c++) {
                variance += Math.pow(values[row * CHANNELS + c] - centre, 2) / CHANNELS;
            }
            for (int c = 0; c < CHANNELS; c++) {
                mean[c] += (values[row * CHANNELS + c] - centre)
                        / Math.sqrt(variance + EPSILON)
                        * SCALE[c]
                        / (double) rows;
            }
        }
        return mean;
    }

    @Test
    void givesBackTheMeanThatClippingTook() {
        NormalizationShift shift = new NormalizationShift(SCALE, SCALE, EPSILON);
        float[] exact = values();
        float[] rounded = clipped(exact);
        // Two batches that agree: nothing is in doubt, so the whole of the mean is given back.
        shift.add(tensor(exact), tensor(rounded), row -> true);
        shift.add(tensor(exact), tensor(rounded), row -> true);
        double[] expected = mean(exact);
        double[] received = mean(rounded);
        for (int c = 0; c < CHANNELS; c++) {
            expected[c] -= received[c];
        }
        assertArrayEquals(expected, shift.shift(), ROUNDING);
    }

    @Test
    void countsTheScaleAsItIsStored() {
        float[] stored = SCALE.clone();
        stored[2] *= 0.9f;
        NormalizationShift shift = new NormalizationShift(SCALE, stored, EPSILON);
        float[] exact = values();
        shift.add(tensor(exact), tensor(exact), row -> true);
        shift.add(tensor(exact), tensor(exact), row -> true);
        double[] found = shift.shift();
        assertEquals(0.1 * mean(exact)[2], found[2], ROUNDING);
        assertEquals(0, found[0], ROUNDING);
    }

    @Test
    void leavesOutRowsThatDoNotCount() {
        NormalizationShift all = new NormalizationShift(SCALE, SCALE, EPSILON);
        NormalizationShift some = new NormalizationShift(SCALE, SCALE, EPSILON);
        for (int batch = 0; batch < 3; batch++) {
            float[] exact = values();
            all.add(tensor(exact), tensor(clipped(exact)), row -> true);
            float[] longer = Arrays.copyOf(exact, exact.length + 5 * CHANNELS);
            float[] rounded = clipped(longer);
            Arrays.fill(rounded, exact.length + CHANNELS, rounded.length, 99);
            some.add(tensor(longer), tensor(rounded), row -> row < ROWS);
        }
        assertArrayEquals(all.shift(), some.shift(), ROUNDING);
    }

    @Test
    void batchesThatDisagreeGiveNothing() {
        NormalizationShift shift = new NormalizationShift(SCALE, SCALE, EPSILON);
        float[] exact = values();
        float[] rounded = clipped(exact);
        shift.add(tensor(exact), tensor(rounded), row -> true);
        shift.add(tensor(rounded), tensor(exact), row -> true);
        assertArrayEquals(new double[CHANNELS], shift.shift(), 0.0);
    }

    @Test
    void oneBatchTellsNothing() {
        NormalizationShift shift = new NormalizationShift(SCALE, SCALE, EPSILON);
        float[] exact = values();
        shift.add(tensor(exact), tensor(clipped(exact)), row -> true);
        assertArrayEquals(new double[CHANNELS], shift.shift(), 0.0);
    }
}
