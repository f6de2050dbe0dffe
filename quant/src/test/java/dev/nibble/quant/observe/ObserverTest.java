package dev.nibble.quant.observe;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ObserverTest {
    @Test
    void extremesCountAndZerosAreExact() {
        Histogram histogram = Histogram.of(-3.14159f, 0, -0f, 2.71828f, 0, 1e-30f);
        assertEquals(-3.14159f, histogram.min());
        assertEquals(2.71828f, histogram.max());
        assertEquals(6, histogram.count());
        assertEquals(3, histogram.zeros());
        assertEquals(1, histogram.sampledFraction());
    }

    /// The largest float is finite, twice of it is not: the sample and the place are told as for any other value.
    @Test
    void scalingPastTheLargestFloatIsFound() {
        Observer observer = new Observer(100, new Scaling(0.5f, true));
        observer.observe(Tensor.of(Shape.of(3), 1, 2, 3), 0, 1);
        observer.observe(Tensor.of(Shape.of(3), 1, Float.MAX_VALUE, 3), 1, 1);
        Observation seen = observer.observation();
        assertEquals(6, seen.histogram().max());
        assertEquals(
                new Observation.NonFinite(1, 1, Float.POSITIVE_INFINITY),
                seen.nonFinite().orElseThrow());
    }

    @Test
    void nothingIsDefined() {
        Histogram histogram = Histogram.of();
        assertEquals(Histogram.EMPTY, histogram);
        assertEquals(0, histogram.min());
        assertEquals(0, histogram.quantile(0.5));
        assertEquals(0, histogram.positive().count());
    }

    /// Values over the whole range of floats, so that pages below the running maximum come and go in any order.
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void theResultDoesNotDependOnOrderOrGrouping(long seed) {
        Random random = new Random(seed);
        float[] values = new float[5000];
        for (int i = 0; i < values.length; i++) {
            double exponent = seed % 2 == 0 ? random.nextDouble(-149, 128) : random.nextDouble(-60, 8);
            values[i] = (float) ((random.nextBoolean() ? 1 : -1) * Math.pow(2, exponent));
        }
        Histogram whole = Histogram.of(values);
        assertEquals(values.length, whole.binned());

        List<Float> shuffled = new ArrayList<>();
        for (float value : values) {
            shuffled.add(value);
        }
        Collections.shuffle(shuffled, random);
        List<Histogram> parts = new ArrayList<>();
        for (int from = 0; from < values.length; ) {
            int to = Math.min(values.length, from + 1 + random.nextInt(700));
            float[] part = new float[to - from];
            for (int i = from; i < to; i++) {
                part[i - from] = shuffled.get(i);
            }
            parts.add(Histogram.of(part));
            from = to;
        }
        assertEquals(whole, parts.stream().reduce(Histogram.EMPTY, Histogram::merge));
        Collections.shuffle(parts, random);
        assertEquals(whole, parts.stream().reduce(Histogram.EMPTY, (a, b) -> b.merge(a)));
    }

    @Test
    void sampledResultsDoNotDependOnTheBatch() {
        Random random = new Random(3);
        int samples = 12;
        float[] values = new float[samples * 1000];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        List<Observation> results = new ArrayList<>();
        for (int batch : new int[] {1, 4, 12}) {
            Observer first = new Observer(100);
            Observer second = new Observer(100);
            for (int s = samples - batch; s >= 0; s -= batch) {
                float[] part = Arrays.copyOfRange(values, s * 1000, (s + batch) * 1000);
                (s / batch % 2 == 0 ? first : second).observe(Tensor.of(Shape.of(batch, 1000), part), s, batch);
            }
            results.add(first.observation().merge(second.observation()));
        }
        assertEquals(results.get(0), results.get(1));
        assertEquals(results.get(0), results.get(2));
        Histogram histogram = results.getFirst().histogram();
        assertEquals(0.1, histogram.sampledFraction());
        assertEquals(12000, histogram.count());
        Histogram all = Histogram.of(values);
        assertEquals(all.min(), histogram.min());
        assertEquals(all.max(), histogram.max());
    }

    /// An image whose columns differ: a sample at a fixed stride would see some of the columns only.
    @Test
    void samplingDoesNotLockOntoColumns() {
        int width = 64;
        float[] image = new float[width * 1024];
        for (int i = 0; i < image.length; i++) {
            image[i] = i % width + 1;
        }
        Observer observer = new Observer(1024);
        observer.observe(MemorySegment.ofArray(image), 0, image.length, 5);
        double[] columns = observer.observation().histogram().linear(0.999, 64.999, 64);
        // 16 hits a column are expected; with σ = 4, missing one altogether is a 4σ event.
        assertTrue(Arrays.stream(columns).allMatch(n -> n > 2 && n < 40), () -> Arrays.toString(columns));
    }

    @Test
    void theFirstNonFiniteSampleIsNamed() {
        Observer observer = new Observer();
        Tensor batch = Tensor.of(Shape.of(3, 2), 1f, 2f, 3f, Float.NaN, Float.POSITIVE_INFINITY, 1f);
        observer.observe(batch, 10, 3);
        observer.observe(Tensor.of(Shape.of(1, 2), Float.NEGATIVE_INFINITY, 0f), 4, 1);
        Observation observation = observer.observation().merge(Observation.NONE);
        NibbleException error = assertThrows(NibbleException.class, () -> observation.requireFinite("conv1_out"));
        assertEquals("tensor 'conv1_out': sample 4 has -Infinity at element 0", error.getMessage());
        assertEquals(2, observation.histogram().count(), "only the finite sample is counted");

        Observer other = new Observer();
        other.observe(batch, 10, 3);
        Observation merged = other.observation().merge(observer.observation());
        assertEquals(4, merged.nonFinite().orElseThrow().sample());
        assertEquals(
                11,
                Observation.NONE
                        .merge(other.observation())
                        .nonFinite()
                        .orElseThrow()
                        .sample());
    }

    @Test
    void otherElementTypesAreConverted() {
        Observer observer = new Observer();
        observer.observe(Tensor.of(Shape.of(2), 5L, -7L), 0, 1);
        assertEquals(-7, observer.observation().histogram().min());
        assertEquals(DataType.INT64, Tensor.of(Shape.of(1), 1L).type());
    }

    @Test
    void observingGoesOnAfterALook() {
        Observer observer = new Observer();
        observer.observe(Tensor.of(Shape.of(2), 1f, 2f), 0, 1);
        Histogram early = observer.observation().histogram();
        observer.observe(Tensor.of(Shape.of(1), -4f), 1, 1);
        assertEquals(Histogram.of(1, 2, -4), observer.observation().histogram());
        assertEquals(Histogram.of(1, 2), early);
        assertNotEquals(early, observer.observation().histogram());
    }

    @Test
    void channelsHaveTheirOwnExtremes() {
        float[] values = new float[2 * 3 * 5];
        for (int i = 0; i < values.length; i++) {
            values[i] = (i * 7 % 30) - 15;
        }
        for (int axis : new int[] {0, 1, 2, -1, -2}) {
            Shape shape = Shape.of(2, 3, 5);
            ChannelObserver observer = new ChannelObserver(axis);
            observer.observe(Tensor.of(shape, values));
            int kept = axis < 0 ? axis + 3 : axis;
            long inner = shape.product(kept + 1, 3);
            for (int c = 0; c < shape.dim(kept); c++) {
                float min = Float.POSITIVE_INFINITY;
                float max = Float.NEGATIVE_INFINITY;
                for (int i = 0; i < values.length; i++) {
                    if (i / inner % shape.dim(kept) == c) {
                        min = Math.min(min, values[i]);
                        max = Math.max(max, values[i]);
                    }
                }
                assertEquals(min, observer.extremes().channels().get(c).min());
                assertEquals(max, observer.extremes().channels().get(c).max());
            }
            assertEquals(
                    observer.extremes(),
                    ChannelExtremes.NONE.merge(observer.extremes()).merge(observer.extremes()));
        }
        ChannelObserver observer = new ChannelObserver(0);
        observer.observe(Tensor.of(Shape.of(2), 1f, 2f));
        assertThrows(IllegalArgumentException.class, () -> observer.observe(Tensor.of(Shape.of(1), 1f)));
    }

    @Test
    void manySamplesTakeFewerValuesEach() {
        assertEquals(4096, Observer.valuesPerSample(1));
        assertEquals(3495, Observer.valuesPerSample(300));
        assertEquals(524, Observer.valuesPerSample(2000));
        assertEquals(512, Observer.valuesPerSample(1_000_000));
    }
}
