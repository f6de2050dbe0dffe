package dev.nibble.quant.range;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.quant.Encoding;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.observe.Histogram;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.DoubleSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class RangeSearchTest {
    private static final List<RangeSearch> ALL = List.of(
            new RangeSearch.MinMax(),
            new RangeSearch.Percentile(99.9),
            new RangeSearch.Mse(),
            new RangeSearch.Sqnr(),
            new RangeSearch.Entropy());

    record Data(String name, float[] values) {
        @Override
        public String toString() {
            return name;
        }
    }

    static List<Data> data() {
        Random random = new Random(11);
        List<Data> all = new ArrayList<>();
        all.add(draw("gaussian", random::nextGaussian));
        all.add(draw("uniform", () -> random.nextDouble(-1, 3)));
        all.add(draw("laplace", () -> random.nextExponential() * (random.nextBoolean() ? 1 : -1)));
        all.add(draw("long tail", () -> Math.pow(random.nextGaussian(), 5)));
        all.add(draw("relu", () -> Math.max(0, random.nextGaussian())));
        all.add(draw("negative", () -> -random.nextExponential() - 0.5));
        all.add(draw("tiny", () -> random.nextGaussian() * 1e-12));
        Data masked = draw("masked", random::nextGaussian);
        masked.values[5] = -1e9f;
        all.add(masked);
        return all;
    }

    static Stream<Arguments> cases() {
        return data().stream()
                .flatMap(d -> Stream.of(Symmetry.values())
                        .flatMap(s -> Stream.of(2, 4, 8, 16).map(b -> Arguments.of(d, s, b))));
    }

    private static Data draw(String name, DoubleSupplier next) {
        float[] values = new float[4000];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) next.getAsDouble();
        }
        return new Data(name, values);
    }

    private static double mse(float[] values, Encoding encoding, double clippingWeight) {
        double sum = 0;
        for (float x : values) {
            double error = x - encoding.fakeQuantize(x);
            boolean clipped = x < encoding.min() || x > encoding.max();
            sum += error * error * (clipped ? clippingWeight : 1);
        }
        return sum / values.length;
    }

    /// What rounding the largest value to a float costs: beside a mask of −1e9 not nothing.
    private static double floats(Histogram histogram) {
        return Math.pow(Math.ulp(histogram.absMax()), 2) / histogram.count();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void everySearchStaysInsideWhatWasObserved(Data data, Symmetry symmetry, int bits) {
        Histogram histogram = Histogram.of(data.values);
        for (RangeSearch search : ALL) {
            Encoding encoding = search.choose(histogram, bits, symmetry).encoding();
            String what = search.id() + " " + encoding;
            assertTrue(encoding.min() <= 0 && encoding.max() >= 0, what);
            assertEquals(0, encoding.fakeQuantize(0), what);
            if (symmetry == Symmetry.ASYMMETRIC) {
                double slack = encoding.scale() * 0.501;
                assertTrue(encoding.min() >= Math.min(0, histogram.min()) - slack, what);
                assertTrue(encoding.max() <= Math.max(0, histogram.max()) + slack, what);
            } else {
                assertTrue(encoding.max() <= histogram.absMax() * (1 + 1e-6), what);
            }
        }
    }

    /// The error that a choice predicts is the error that the data has.
    @ParameterizedTest
    @MethodSource("cases")
    void theExpectedErrorIsTheMeasuredOne(Data data, Symmetry symmetry, int bits) {
        Histogram histogram = Histogram.of(data.values);
        for (RangeSearch search : ALL) {
            RangeChoice choice = search.choose(histogram, bits, symmetry);
            double measured = mse(data.values, choice.encoding(), 1);
            // 4,000 values in bins of 2⁻¹⁰: at 16 bits a bin spans up to 64 steps, and the mean of so few squared
            // rounding errors scatters by 1.5 %; at 2 bits the few largest values decide. Percentile cuts inside the
            // bin of a single value, whose place in the bin decides when hardly anything else is lost.
            double tolerance = search instanceof RangeSearch.Percentile ? 0.15 : 0.05;
            assertEquals(
                    measured,
                    choice.error().mse(),
                    measured * tolerance + floats(histogram),
                    () -> search.id() + " " + choice.encoding());
        }
    }

    /// No scale and zero point of a fine grid over raw data beats the search by more than 1 %.
    @ParameterizedTest
    @MethodSource("cases")
    void squaredErrorSearchesMatchBruteForce(Data data, Symmetry symmetry, int bits) {
        Histogram histogram = Histogram.of(data.values);
        for (RangeSearch search : List.of(new RangeSearch.Mse(), new RangeSearch.Sqnr())) {
            double weight = search instanceof RangeSearch.Sqnr ? RangeSearch.Sqnr.CLIPPING_WEIGHT : 1;
            double smallest = Double.POSITIVE_INFINITY;
            int steps = bits == 16 ? 12 : 30;
            for (int i = 1; i <= steps; i++) {
                for (int j = 1; j <= (symmetry == Symmetry.ASYMMETRIC ? steps : 1); j++) {
                    double lo = Math.min(0, histogram.min()) * (symmetry == Symmetry.ASYMMETRIC ? j : i) / steps;
                    double hi = Math.max(0, histogram.max()) * i / steps;
                    smallest = Math.min(smallest, mse(data.values, Encoding.ofRange(lo, hi, bits, symmetry), weight));
                }
            }
            double least = smallest;
            double found =
                    mse(data.values, search.choose(histogram, bits, symmetry).encoding(), weight);
            assertTrue(
                    found <= least * 1.01 + weight * floats(histogram),
                    () -> search.id() + ": " + found + " against " + least);
        }
    }

    @Test
    void longTailsAreBetterClippedThanCovered() {
        Histogram histogram = Histogram.of(data().get(3).values);
        for (int bits : new int[] {4, 8}) {
            double all = new RangeSearch.MinMax()
                    .choose(histogram, bits, Symmetry.ASYMMETRIC)
                    .error()
                    .mse();
            double best = new RangeSearch.Mse()
                    .choose(histogram, bits, Symmetry.ASYMMETRIC)
                    .error()
                    .mse();
            assertTrue(best < all, bits + " bits: " + best + " against " + all);
        }
    }

    /// Uniform data has no tail: clipping it never pays, so all but percentile keep (nearly) everything.
    @Test
    void uniformDataIsNotClippedAtEightBits() {
        Histogram histogram = Histogram.of(data().get(1).values);
        for (RangeSearch search : List.of(new RangeSearch.Mse(), new RangeSearch.Sqnr(), new RangeSearch.Entropy())) {
            Encoding encoding = search.choose(histogram, 8, Symmetry.ASYMMETRIC).encoding();
            assertEquals(histogram.max(), encoding.max(), 0.02 * histogram.max(), search.id());
            assertEquals(histogram.min(), encoding.min(), 0.02 * histogram.max(), search.id());
        }
    }

    /// The optimum for a standard Gaussian, clipped symmetrically: ±2.513σ for 4 bits by R. Banner et al., *Post
    /// training 4-bit quantization of convolutional networks for rapid-deployment* (NeurIPS 2019), table 1 gives
    /// 2.55σ by their approximation of uniform rounding noise.
    @Test
    void theOptimumForAGaussianIsThePublishedOne() {
        Random random = new Random(5);
        float[] values = new float[400_000];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        Encoding four = new RangeSearch.Mse()
                .choose(Histogram.of(values), 4, Symmetry.ASYMMETRIC)
                .encoding();
        assertEquals(2.55, (four.max() - four.min()) / 2, 0.15);
        Encoding eight = new RangeSearch.Mse()
                .choose(Histogram.of(values), 8, Symmetry.ASYMMETRIC)
                .encoding();
        assertEquals(3.94, (eight.max() - eight.min()) / 2, 0.15, "ACIQ's 3.94σ for 8 bits");
    }

    @Test
    void sqnrClipsLessThanMse() {
        for (Data data : data()) {
            Histogram histogram = Histogram.of(data.values);
            double mse = new RangeSearch.Mse()
                    .choose(histogram, 4, Symmetry.STRICT_SYMMETRIC)
                    .encoding()
                    .scale();
            double sqnr = new RangeSearch.Sqnr()
                    .choose(histogram, 4, Symmetry.STRICT_SYMMETRIC)
                    .encoding()
                    .scale();
            assertTrue(sqnr >= mse * 0.999, data.name);
        }
    }

    /// One value of −1e9 or −3.4e38 (an attention mask) among a hundred thousand: percentile and entropy cut it
    /// off. Squared error cannot: an unclipped square of 10¹⁸ outweighs everything.
    @Test
    void masksAreCut() {
        Random random = new Random(9);
        float[] values = new float[100_000];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        for (float mask : new float[] {-1e9f, -3.4e38f}) {
            values[77] = mask;
            Histogram histogram = Histogram.of(values);
            Encoding percentile = new RangeSearch.Percentile(99.99)
                    .choose(histogram, 8, Symmetry.ASYMMETRIC)
                    .encoding();
            assertEquals(-3.7, percentile.min(), 0.5, "the 0.01 % quantile of a Gaussian");
            Encoding mse = new RangeSearch.Mse()
                    .choose(histogram, 8, Symmetry.ASYMMETRIC)
                    .encoding();
            assertTrue(mse.min() < mask * 0.9, "squared error follows the mask: " + mse);
        }
    }

    @Test
    void percentileIsMonotoneAndEndsAtMinMax() {
        for (Data data : data()) {
            Histogram histogram = Histogram.of(data.values);
            double last = 0;
            for (double p : new double[] {60, 90, 99, 99.9, 99.99, 100}) {
                Encoding encoding = new RangeSearch.Percentile(p)
                        .choose(histogram, 8, Symmetry.ASYMMETRIC)
                        .encoding();
                double extent = encoding.max() - encoding.min();
                assertTrue(extent >= last * (1 - 1e-6), data.name + " " + p);
                last = extent;
            }
            assertEquals(
                    new RangeSearch.MinMax()
                            .choose(histogram, 8, Symmetry.ASYMMETRIC)
                            .encoding(),
                    new RangeSearch.Percentile(100)
                            .choose(histogram, 8, Symmetry.ASYMMETRIC)
                            .encoding());
        }
        assertThrows(IllegalArgumentException.class, () -> new RangeSearch.Percentile(50));
        assertThrows(IllegalArgumentException.class, () -> new RangeSearch.Percentile(101));
    }

    @Test
    void degenerateDataIsDefined() {
        for (RangeSearch search : ALL) {
            for (Symmetry symmetry : Symmetry.values()) {
                for (int bits : new int[] {2, 4, 8, 16}) {
                    String what = search.id() + " " + symmetry + " " + bits;
                    Encoding zero =
                            search.choose(Histogram.of(0, 0, 0), bits, symmetry).encoding();
                    assertEquals(Encoding.ofRange(0, 0, bits, symmetry), zero, what);
                    assertEquals(
                            zero, search.choose(Histogram.EMPTY, bits, symmetry).encoding(), what);
                    for (float constant : new float[] {3, -3, 1e-40f, Float.MAX_VALUE}) {
                        Encoding encoding = search.choose(Histogram.of(constant, constant), bits, symmetry)
                                .encoding();
                        float tolerance = Math.max(Math.abs(constant) * 1e-5f, Encoding.MINIMUM_SCALE);
                        assertEquals(constant, encoding.fakeQuantize(constant), tolerance, what + " " + constant);
                    }
                }
            }
        }
    }

    @Test
    void namesAreTheUsers() {
        assertEquals(
                List.of("min-max", "percentile", "mse", "sqnr", "entropy"),
                ALL.stream().map(RangeSearch::id).toList());
    }
}
