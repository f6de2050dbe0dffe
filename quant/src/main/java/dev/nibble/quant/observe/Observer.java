package dev.nibble.quant.observe;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Extremes;
import dev.nibble.quant.Kernels;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Gathers what is known of one tensor while samples stream by: extremes over every value, and a histogram over
/// every value or, of samples with many, over an even sample of fixed size.
///
/// Which values are sampled depends on the sample's index and number of values only, so neither the size of a batch
/// nor the number of threads changes the result. Not for two threads at once: each has its own observer, and their
/// observations merge.
public final class Observer {
    /// Values of each sample that go into the histogram unless said otherwise. 300 samples give 1.2 million, 120 of
    /// them above the 99.99th percentile.
    public static final int DEFAULT_VALUES_PER_SAMPLE = 4096;

    private static final long VALUES_WANTED = 1 << 20;

    /// Values that are gathered before they go into bins: those of several samples, so that pages which left the caches
    /// while other tensors were looked at are fetched once for all of them.
    private static final int BUFFER = 1 << 14;
    private static final long DRAIN_AT = Integer.MAX_VALUE / 2;

    private final Kernels kernels = Kernels.best();
    private final int valuesPerSample;
    private final @Nullable Scaling scaling;
    private final int[] @Nullable [] pages = new int[Bins.PAGES][];
    private final int[] tinyPositive = new int[Bins.PAGE];
    private final int[] tinyNegative = new int[Bins.PAGE];
    private final int[] buffer = new int[BUFFER];
    private int buffered;
    private long pending;
    private long count;
    private Extremes extremes = Extremes.NONE;
    private int minBits;
    private int maxBits;
    private long atMin;
    private long atMax;
    private Histogram drained = Histogram.EMPTY;
    private Optional<Observation.NonFinite> nonFinite = Optional.empty();

    /// @param valuesPerSample how many values of each sample go into the histogram, at least 1
    public Observer(int valuesPerSample) {
        this(valuesPerSample, null);
    }

    /// Observes not the values that it is given, but these scaled.
    ///
    /// @param scaling null for none
    public Observer(int valuesPerSample, @Nullable Scaling scaling) {
        if (valuesPerSample < 1) {
            throw new IllegalArgumentException("values per sample must be at least 1, but was " + valuesPerSample);
        }
        this.valuesPerSample = valuesPerSample;
        this.scaling = scaling;
    }

    /// How many values of each sample make a million in all, so that many samples cost no more than few: between
    /// 512 and [#DEFAULT_VALUES_PER_SAMPLE].
    ///
    /// @param samples how many samples will be observed
    public static int valuesPerSample(long samples) {
        return (int) Math.clamp(VALUES_WANTED / Math.max(samples, 1), 512, DEFAULT_VALUES_PER_SAMPLE);
    }

    /// With [#DEFAULT_VALUES_PER_SAMPLE].
    public Observer() {
        this(DEFAULT_VALUES_PER_SAMPLE);
    }

    /// Takes in the tensor of a batch.
    ///
    /// @param values the tensor of `samples` samples, one after the other; FLOAT is read in place, other
    ///     types that [Tensor#floatAt] reads are converted
    /// @param firstSample index in the data of the first sample of the batch
    /// @param samples samples in the batch; where the tensor cannot be divided by it (no batch axis), it is
    ///     taken as the tensor of one sample
    public void observe(Tensor values, long firstSample, int samples) {
        Tensor floats = values.type() == DataType.FLOAT ? values : Tensor.of(values.shape(), values.toFloats());
        long elements = floats.elements();
        boolean divides = samples > 0 && elements % samples == 0;
        long each = divides ? elements / samples : elements;
        for (int s = 0; s < (divides ? samples : 1); s++) {
            observe(floats.data(), s * each, (s + 1) * each, firstSample + s);
        }
    }

    /// Takes in elements `[from, to)` of `floats`, which belong to one sample.
    public void observe(MemorySegment floats, long from, long to, long sample) {
        Extremes given = kernels.extremes(floats, from, to);
        Extremes here = scaling == null || !given.isFinite() ? given : scaling.of(given);
        if (!here.isFinite()) {
            if (nonFinite.isEmpty() || sample < nonFinite.get().sample()) {
                nonFinite = Optional.of(firstNonFinite(floats, from, to, sample));
            }
            return;
        }
        count += to - from;
        widen(extremes.merge(here));
        bin(floats, from, to, sample);
    }

    private Observation.NonFinite firstNonFinite(MemorySegment floats, long from, long to, long sample) {
        for (long at = from; at < to; at++) {
            float value = floats.get(Tensor.FLOAT_LE, at * 4);
            float own = scaling == null ? value : scaling.of(value);
            if (!Float.isFinite(own)) {
                return new Observation.NonFinite(sample, at - from, own);
            }
        }
        throw new IllegalStateException("all values are finite");
    }

    private void widen(Extremes wider) {
        if (wider.minKey() != extremes.minKey()) {
            minBits = Extremes.key(wider.minKey());
            atMin = 0;
        }
        if (wider.maxKey() != extremes.maxKey()) {
            maxBits = Extremes.key(wider.maxKey());
            atMax = 0;
        }
        extremes = wider;
    }

    void observe(float[] values) {
        observe(MemorySegment.ofArray(values), 0, values.length, 0);
    }

    private void bin(MemorySegment floats, long from, long to, long sample) {
        long elements = to - from;
        if (elements > valuesPerSample) {
            sample(floats, from, elements, sample);
            return;
        }
        for (long at = from; at < to; at += BUFFER) {
            int count = (int) Math.min(BUFFER, to - at);
            reserve(count);
            MemorySegment.copy(floats, Tensor.INT_LE, at * 4, buffer, buffered, count);
            gathered(count);
        }
    }

    /// Takes one value from each of equal strides (in 2⁻¹⁶ of an element), at a place that a hash of its number
    /// chooses: a fixed place would meet the same columns of an image again and again.
    private void sample(MemorySegment floats, long from, long elements, long sample) {
        long stride = (elements << 16) / valuesPerSample;
        int hash = Long.hashCode(sample * 0x9E3779B97F4A7C15L);
        for (int taken = 0; taken < valuesPerSample; taken += BUFFER) {
            int count = Math.min(BUFFER, valuesPerSample - taken);
            reserve(count);
            int[] bits = buffer;
            int at = buffered;
            for (int i = 0; i < count; i++) {
                hash = hash * 0x343FD + 0x269EC3;
                long place = (taken + i) * stride + ((hash >>> 16) * (stride >>> 8) >>> 8) >>> 16;
                bits[at + i] = floats.get(Tensor.INT_LE, (from + place) * 4);
            }
            gathered(count);
        }
    }

    /// Makes room for `count` values, at most [#BUFFER].
    private void reserve(int count) {
        if (buffered + count > BUFFER) {
            bin();
        }
    }

    private void gathered(int count) {
        if (scaling != null) {
            scaling.apply(buffer, buffered, buffered + count);
        }
        buffered += count;
    }

    /// Puts the gathered values into bins.
    private void bin() {
        int[] bits = buffer;
        int count = buffered;
        int[] @Nullable [] mine = pages;
        int lowest = 0;
        int highest = 0;
        for (int i = 0; i < count; i++) {
            lowest += bits[i] == minBits ? 1 : 0;
            highest += bits[i] == maxBits ? 1 : 0;
        }
        for (int i = 0; i < count; i++) {
            int index = bits[i] >>> Bins.DROPPED;
            int[] page = mine[index >>> 10];
            if (page == null) {
                page = open(index >>> 10);
            }
            page[index & (Bins.PAGE - 1)]++;
        }
        atMin += lowest;
        atMax += highest;
        pending += count;
        buffered = 0;
        if (pending > DRAIN_AT) {
            drain();
        }
    }

    /// A page of its own, or the page that all tiny values share.
    private int[] open(int number) {
        int exponent = number & 0xFF;
        float reach = Math.max(Math.abs(extremes.min()), Math.abs(extremes.max()));
        boolean own = exponent == 0 || exponent >= Bins.firstOwn(Bins.exponent(reach));
        int[] page = own ? new int[Bins.PAGE] : number < Bins.NEGATIVE ? tinyPositive : tinyNegative;
        pages[number] = page;
        return page;
    }

    private void drain() {
        long[] @Nullable [] settled = new long[Bins.PAGES][];
        for (int p = 0; p < Bins.PAGES; p++) {
            int[] page = pages[p];
            if (page != null && page != tinyPositive && page != tinyNegative) {
                long[] wide = new long[Bins.PAGE];
                for (int i = 0; i < Bins.PAGE; i++) {
                    wide[i] = page[i];
                }
                settled[p] = wide;
            }
            pages[p] = null;
        }
        Histogram fresh =
                Histogram.of(count, extremes, atMin, atMax, settled, takeAll(tinyPositive), takeAll(tinyNegative));
        drained = drained.count() == 0 ? fresh : drained.merge(fresh);
        count = 0;
        pending = 0;
        atMin = 0;
        atMax = 0;
    }

    private static long takeAll(int[] page) {
        long sum = 0;
        for (int i = 0; i < page.length; i++) {
            sum += page[i];
            page[i] = 0;
        }
        return sum;
    }

    /// What was seen so far.
    public Observation observation() {
        bin();
        if (count > 0) {
            drain();
        }
        return new Observation(drained, nonFinite);
    }
}
