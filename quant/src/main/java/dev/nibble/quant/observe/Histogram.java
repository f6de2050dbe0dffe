package dev.nibble.quant.observe;

import dev.nibble.quant.Extremes;
import java.io.DataInput;
import java.io.DataOutput;
import java.io.IOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// What is known of a tensor's values: how many there were, the smallest and the largest, exactly, and how the rest
/// is spread, in bins that are the float's own leading bits (sign, exponent, ten bits of mantissa).
///
/// The bins need no range in advance, and two histograms merge by addition: the result does not depend on the order
/// or grouping of the data. The bins may hold only a sample of the values ([#sampledFraction]); extremes and
/// [#count] are always of all.
///
/// All values are finite.
public final class Histogram {
    /// The histogram of no values.
    public static final Histogram EMPTY = new Histogram(0, Extremes.NONE, 0, 0, 0, 0, 0, new long[Bins.PAGES][], 0);

    private final long count;
    private final Extremes extremes;
    private final long atMin;
    private final long atMax;
    private final long zeros;
    private final long tinyPositive;
    private final long tinyNegative;
    private final long[] @Nullable [] pages;
    private final long binned;
    private @Nullable Magnitudes negative;
    private @Nullable Magnitudes positive;

    private Histogram(
            long count,
            Extremes extremes,
            long atMin,
            long atMax,
            long zeros,
            long tinyPositive,
            long tinyNegative,
            long[] @Nullable [] pages,
            long binned) {
        this.count = count;
        this.extremes = extremes;
        this.atMin = atMin;
        this.atMax = atMax;
        this.zeros = zeros;
        this.tinyPositive = tinyPositive;
        this.tinyNegative = tinyNegative;
        this.pages = pages;
        this.binned = binned;
    }

    /// A histogram of bins as an observer keeps them.
    ///
    /// @param atMin how many of the binned values are the smallest one
    /// @param atMax how many of the binned values are the largest one
    /// @param pages counts by sign and exponent; taken over, and changed
    /// @param tinyPositive counts of positive values that had no page of their own, exact zero left out
    static Histogram of(
            long count,
            Extremes extremes,
            long atMin,
            long atMax,
            long[] @Nullable [] pages,
            long tinyPositive,
            long tinyNegative) {
        float reach = Math.max(Math.abs(extremes.min()), Math.abs(extremes.max()));
        int firstOwn = Bins.firstOwn(Bins.exponent(reach));
        long zeros = takeZeros(pages[0]) + takeZeros(pages[Bins.NEGATIVE]);
        long positive = tinyPositive + takeBelow(pages, 0, firstOwn);
        long negative = tinyNegative + takeBelow(pages, Bins.NEGATIVE, Bins.NEGATIVE + firstOwn);
        long binned = zeros + positive + negative;
        for (int p = 0; p < Bins.PAGES; p++) {
            long[] page = pages[p];
            if (page != null) {
                long sum = Arrays.stream(page).sum();
                binned += sum;
                if (sum == 0) {
                    pages[p] = null;
                }
            }
        }
        return new Histogram(count, extremes, atMin, atMax, zeros, positive, negative, pages, binned);
    }

    /// Writes everything that is known, for [#read].
    public void write(DataOutput out) throws IOException {
        out.writeLong(count);
        out.writeInt(extremes.minKey());
        out.writeInt(extremes.maxKey());
        for (long number : new long[] {atMin, atMax, zeros, tinyPositive, tinyNegative, binned}) {
            out.writeLong(number);
        }
        for (int p = 0; p < Bins.PAGES; p++) {
            long[] page = pages[p];
            if (page != null) {
                out.writeShort(p);
                for (long number : page) {
                    out.writeLong(number);
                }
            }
        }
        out.writeShort(-1);
    }

    /// What [#write] wrote.
    public static Histogram read(DataInput in) throws IOException {
        long count = in.readLong();
        Extremes extremes = new Extremes(in.readInt(), in.readInt());
        long[] numbers = new long[6];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = in.readLong();
        }
        long[][] pages = new long[Bins.PAGES][];
        for (int p = in.readShort(); p >= 0; p = in.readShort()) {
            pages[p] = new long[Bins.PAGE];
            for (int i = 0; i < Bins.PAGE; i++) {
                pages[p][i] = in.readLong();
            }
        }
        return new Histogram(
                count, extremes, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], pages, numbers[5]);
    }

    /// The histogram of all of `values`.
    ///
    /// @param values finite values
    public static Histogram of(float... values) {
        Observer observer = new Observer(Integer.MAX_VALUE);
        observer.observe(values);
        return observer.observation().histogram();
    }

    /// Zero, and denormals of the bin that zero is in (below 2⁻¹³⁶).
    private static long takeZeros(long @Nullable [] page) {
        if (page == null) {
            return 0;
        }
        long zeros = page[0];
        page[0] = 0;
        return zeros;
    }

    private static long takeBelow(long[] @Nullable [] pages, int from, int to) {
        long sum = 0;
        for (int p = from; p < to; p++) {
            long[] page = pages[p];
            if (page != null) {
                sum += Arrays.stream(page).sum();
                pages[p] = null;
            }
        }
        return sum;
    }

    /// The histogram without the values of −2ᵉ and below: without what only masks.
    ///
    /// @param exponent e
    public Histogram above(int exponent) {
        long[] @Nullable [] kept = pages.clone();
        long removed = 0;
        int first = Bins.NEGATIVE + 127 + exponent;
        for (int p = first; p < Bins.PAGES; p++) {
            long[] page = kept[p];
            removed += page == null ? 0 : Arrays.stream(page).sum();
            kept[p] = null;
        }
        if (removed == 0) {
            return this;
        }
        float least = 0;
        for (int p = first - 1; p >= Bins.NEGATIVE && least == 0; p--) {
            long[] page = kept[p];
            for (int bin = Bins.PAGE - 1; page != null && bin >= 0 && least == 0; bin--) {
                least = page[bin] > 0 ? -Bins.lower(p - Bins.NEGATIVE, bin + 1) : 0;
            }
        }
        long left = Math.max(binned - removed, Math.round(count * (1 - (double) removed / binned)));
        int minKey = Extremes.of(least).minKey();
        return new Histogram(
                left,
                new Extremes(minKey, Math.max(minKey, extremes.maxKey())),
                0,
                atMax,
                zeros,
                tinyPositive,
                tinyNegative,
                kept,
                binned - removed);
    }

    /// The histogram of the values of both.
    public Histogram merge(Histogram other) {
        if (other.count == 0) {
            return this;
        }
        if (count == 0) {
            return other;
        }
        long[] @Nullable [] sum = new long[Bins.PAGES][];
        for (int p = 0; p < Bins.PAGES; p++) {
            long[] mine = pages[p];
            long[] theirs = other.pages[p];
            if (mine != null || theirs != null) {
                long[] page = new long[Bins.PAGE];
                add(mine, page);
                add(theirs, page);
                sum[p] = page;
            }
        }
        long[] zeroPage = sum[0];
        if (zeroPage == null) {
            zeroPage = new long[Bins.PAGE];
            sum[0] = zeroPage;
        }
        zeroPage[0] += zeros + other.zeros;
        Extremes both = extremes.merge(other.extremes);
        return of(
                count + other.count,
                both,
                (extremes.minKey() == both.minKey() ? atMin : 0)
                        + (other.extremes.minKey() == both.minKey() ? other.atMin : 0),
                (extremes.maxKey() == both.maxKey() ? atMax : 0)
                        + (other.extremes.maxKey() == both.maxKey() ? other.atMax : 0),
                sum,
                tinyPositive + other.tinyPositive,
                tinyNegative + other.tinyNegative);
    }

    private static void add(long @Nullable [] from, long[] to) {
        if (from != null) {
            for (int i = 0; i < Bins.PAGE; i++) {
                to[i] += from[i];
            }
        }
    }

    /// How many values there were.
    public long count() {
        return count;
    }

    /// How many of them are in the bins.
    public long binned() {
        return binned;
    }

    /// The part of the values that is in the bins; 1 where there are none.
    public double sampledFraction() {
        return count == 0 ? 1 : (double) binned / count;
    }

    /// How many of the binned values are zero.
    public long zeros() {
        return zeros;
    }

    /// The smallest value, exactly; 0 where there is none.
    public float min() {
        return extremes.min();
    }

    /// The largest value, exactly; 0 where there is none.
    public float max() {
        return extremes.max();
    }

    /// The largest magnitude, exactly.
    public float absMax() {
        return Math.max(Math.abs(min()), Math.abs(max()));
    }

    /// The values above zero, ready for sums over ranges.
    public Magnitudes positive() {
        Magnitudes side = positive;
        if (side == null) {
            side = Magnitudes.of(
                    pages,
                    0,
                    tinyPositive,
                    new Magnitudes.Bounds(Math.max(min(), 0), Math.max(max(), 0), atMax),
                    absMax());
            positive = side;
        }
        return side;
    }

    /// The magnitudes of the values below zero, ready for sums over ranges.
    public Magnitudes negative() {
        Magnitudes side = negative;
        if (side == null) {
            side = Magnitudes.of(
                    pages,
                    Bins.NEGATIVE,
                    tinyNegative,
                    new Magnitudes.Bounds(Math.max(-max(), 0), Math.max(-min(), 0), atMin),
                    absMax());
            negative = side;
        }
        return side;
    }

    /// Gives back the memory of [#positive] and [#negative], several times that of the bins; they are made again where they
    /// are asked for.
    public void dropSums() {
        positive = null;
        negative = null;
    }

    /// The value below which the fraction `q` of the values lies, interpolated inside its bin; inside `min…max`,
    /// and exactly these at 0 and 1.
    public double quantile(double q) {
        if (!(q >= 0 && q <= 1)) {
            throw new IllegalArgumentException("a quantile must be between 0 and 1, but was " + q);
        }
        if (q == 0 || q == 1 || binned == 0) {
            return q == 0 ? min() : max();
        }
        double below = q * binned;
        double negatives = negative().count();
        double value = 0;
        if (below < negatives) {
            value = -negative().magnitude(negatives - below);
        } else if (below > negatives + zeros) {
            value = positive().magnitude(below - negatives - zeros);
        }
        return Math.min(Math.max(value, min()), max());
    }

    /// Counts in `bins` intervals of equal width from `from` to `to`, for drawing; values outside are left out.
    public double[] linear(double from, double to, int bins) {
        double[] counts = new double[bins];
        double last = cumulative(from);
        for (int i = 0; i < bins; i++) {
            double next = cumulative(from + (to - from) * (i + 1) / bins);
            counts[i] = next - last;
            last = next;
        }
        return counts;
    }

    /// Binned values up to `x`; those at 0 count as at or below 0.
    private double cumulative(double x) {
        return x < 0
                ? negative().count() - negative().countBelow(-x)
                : negative().count() + zeros + positive().countBelow(x);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Histogram that
                && count == that.count
                && extremes.equals(that.extremes)
                && atMin == that.atMin
                && atMax == that.atMax
                && zeros == that.zeros
                && tinyPositive == that.tinyPositive
                && tinyNegative == that.tinyNegative
                && Arrays.deepEquals(pages, that.pages);
    }

    @Override
    public int hashCode() {
        return Long.hashCode(count) * 31 + extremes.hashCode();
    }

    @Override
    public String toString() {
        return "%d values from %s to %s, %d binned".formatted(count, min(), max(), binned);
    }
}
