package dev.nibble.quant.range;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.IntegerGrid;
import dev.nibble.quant.LinearQuantization;
import dev.nibble.quant.Scheme;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.TensorEncoding;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class WeightRangesTest {
    private static final Shape SHAPE = Shape.of(6, 40, 3);

    private static Tensor weight(long seed) {
        Random random = new Random(seed);
        float[] values = new float[(int) SHAPE.elements()];
        for (int i = 0; i < values.length; i++) {
            int channel = i / 120;
            values[i] = channel == 3 ? 0 : (float) (random.nextGaussian() * Math.pow(10, channel - 3));
        }
        return Tensor.of(SHAPE, values);
    }

    private static double mse(Tensor weight, TensorEncoding encoding) {
        float[] left =
                new LinearQuantization().fakeQuantize("w", weight, encoding).toFloats();
        double sum = 0;
        for (int i = 0; i < left.length; i++) {
            sum += Math.pow(left[i] - weight.floatAt(i), 2);
        }
        return sum / left.length;
    }

    @Test
    void minMaxPutsEveryChannelsMaximumOnTheLastCode() {
        Tensor weight = weight(1);
        TensorEncoding.Affine encoding = WeightRanges.choose(
                "w", weight, Scheme.weights(8, new Granularity.PerChannel(0)), new RangeSearch.MinMax());
        assertEquals(new IntegerGrid(8, true, true), encoding.grid());
        for (int c = 0; c < 6; c++) {
            float most = 0;
            for (int i = c * 120; i < (c + 1) * 120; i++) {
                most = Math.max(most, Math.abs(weight.floatAt(i)));
            }
            float expected = c == 3 ? 1 / 127f : most / 127;
            assertEquals(expected, encoding.scale(c), expected * 1e-6, "channel " + c);
        }
    }

    @ParameterizedTest
    @EnumSource(Symmetry.class)
    void searchesBeatMinMaxAtEveryGranularity(Symmetry symmetry) {
        Tensor weight = weight(2);
        for (Granularity granularity : List.of(
                Granularity.PER_TENSOR,
                new Granularity.PerChannel(0),
                new Granularity.PerChannel(-1),
                new Granularity.PerBlock(1, 16),
                new Granularity.PerBlock(2, 2))) {
            for (int bits : new int[] {2, 4, 8}) {
                Scheme.Integer scheme = new Scheme.Integer(bits, symmetry, granularity);
                double all = mse(weight, WeightRanges.choose("w", weight, scheme, new RangeSearch.MinMax()));
                double best = mse(weight, WeightRanges.choose("w", weight, scheme, new RangeSearch.Mse()));
                assertTrue(best <= all, scheme + ": " + best + " against " + all);
                if (bits == 4 && granularity instanceof Granularity.PerChannel(int axis) && axis == 0) {
                    assertTrue(best < all, scheme + ": clipping a Gaussian pays at 4 bits");
                }
            }
        }
    }

    /// All 1,000 equally spaced scales of a channel, measured one by one.
    @ParameterizedTest
    @ValueSource(ints = {2, 4, 8})
    void theBestScaleOfAChannelIsFound(int bits) {
        Random random = new Random(bits);
        float[] values = new float[300];
        float most = 0;
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
            most = Math.max(most, Math.abs(values[i]));
        }
        Tensor weight = Tensor.of(Shape.of(300), values);
        double least = Double.POSITIVE_INFINITY;
        for (int i = 1; i <= 1000; i++) {
            Encoding encoding = Encoding.ofRange(0, most * i / 1000.0, bits, Symmetry.STRICT_SYMMETRIC);
            least = Math.min(least, mse(weight, TensorEncoding.Affine.of(encoding)));
        }
        double found = mse(
                weight,
                WeightRanges.choose("w", weight, Scheme.weights(bits, Granularity.PER_TENSOR), new RangeSearch.Mse()));
        assertTrue(found <= least * 1.02, found + " against " + least);
    }

    @Test
    void oneSetOfCodesForAllChannelsOfAnUnsignedScheme() {
        Granularity perChannel = new Granularity.PerChannel(0);
        Scheme.Integer scheme = new Scheme.Integer(8, Symmetry.UNSIGNED_SYMMETRIC, perChannel);
        Tensor mixed = Tensor.of(Shape.of(2, 2), 1f, 2f, -1f, 2f);
        Tensor positive = Tensor.of(Shape.of(2, 2), 1f, 2f, 0f, 2f);
        assertEquals(
                IntegerGrid.INT8,
                WeightRanges.choose("w", mixed, scheme, new RangeSearch.MinMax())
                        .grid());
        assertEquals(
                IntegerGrid.UINT8,
                WeightRanges.choose("w", positive, scheme, new RangeSearch.MinMax())
                        .grid());
    }

    @Test
    void histogramSearchesWorkOnWeightsToo() {
        Tensor weight = weight(4);
        Scheme.Integer scheme = Scheme.weights(8, new Granularity.PerChannel(0));
        for (RangeSearch search : List.of(new RangeSearch.Percentile(99), new RangeSearch.Entropy())) {
            TensorEncoding.Affine encoding = WeightRanges.choose("w", weight, scheme, search);
            TensorEncoding.Affine all = WeightRanges.choose("w", weight, scheme, new RangeSearch.MinMax());
            for (int c = 0; c < 6; c++) {
                assertTrue(encoding.scale(c) <= all.scale(c), search.id() + " " + c);
            }
        }
    }

    @Test
    void badWeightsAreNamed() {
        Tensor nan = Tensor.of(Shape.of(2), 1f, Float.NaN);
        Scheme.Integer scheme = Scheme.weights(8, Granularity.PER_TENSOR);
        assertThrows(NibbleException.class, () -> WeightRanges.choose("w", nan, scheme, new RangeSearch.MinMax()));
        Tensor empty = Tensor.of(Shape.of(0, 3), new float[0]);
        assertThrows(
                NibbleException.class,
                () -> WeightRanges.choose(
                        "w", empty, scheme.with(new Granularity.PerChannel(0)), new RangeSearch.MinMax()));
        assertEquals(
                1,
                WeightRanges.choose("w", empty, scheme, new RangeSearch.Mse()).groups());
    }
}
