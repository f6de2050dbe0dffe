package dev.nibble.quant.observe;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// One side of a [Histogram] (the values above zero, or the negated ones below), with prefix sums, so that count,
/// sum and sum of squares below any magnitude are a lookup.
///
/// Values are taken as evenly spread in their bin. The sums run from zero outward, so an outlier costs the small
/// values no precision.
public final class Magnitudes {
    private final double[] lower;
    private final double[] upper;
    private final double[] counts;
    private final double[] countBefore;
    private final double[] sumBefore;
    private final double[] squaresBefore;

    private Magnitudes(double[] lower, double[] upper, double[] counts) {
        int bins = counts.length;
        this.lower = lower;
        this.upper = upper;
        this.counts = counts;
        countBefore = new double[bins + 1];
        sumBefore = new double[bins + 1];
        squaresBefore = new double[bins + 1];
        for (int i = 0; i < bins; i++) {
            double a = lower[i];
            double b = upper[i];
            countBefore[i + 1] = countBefore[i] + counts[i];
            sumBefore[i + 1] = sumBefore[i] + counts[i] * (a + b) / 2;
            squaresBefore[i + 1] = squaresBefore[i] + counts[i] * (a * a + a * b + b * b) / 3;
        }
    }

    /// What is known exactly of one side.
    ///
    /// @param min no magnitude is below this
    /// @param max the largest magnitude
    /// @param atMax how many values have it; they are taken as a bin of their own, so that a mask constant or
    ///     a clip costs no error that it does not have
    record Bounds(double min, double max, long atMax) {}

    /// @param first number of the page of exponent 0
    /// @param tiny values that share one count
    /// @param reach the largest magnitude on either side
    static Magnitudes of(long[] @Nullable [] pages, int first, long tiny, Bounds bounds, float reach) {
        int used = 2;
        for (int p = first; p < first + 256; p++) {
            used += pages[p] == null ? 0 : Bins.PAGE;
        }
        double max = bounds.max;
        double[] lower = new double[used];
        double[] upper = new double[used];
        double[] counts = new double[used];
        int n = 0;
        if (tiny > 0) {
            upper[0] = Math.min(Bins.lower(Bins.firstOwn(Bins.exponent(reach)), 0), max);
            lower[0] = Math.min(bounds.min, upper[0]);
            counts[0] = tiny;
            n = 1;
        }
        for (int p = first; p < first + 256; p++) {
            long[] page = pages[p];
            if (page == null) {
                continue;
            }
            for (int bin = 0; bin < Bins.PAGE; bin++) {
                if (page[bin] > 0) {
                    lower[n] = Math.max(Bins.lower(p - first, bin), bounds.min);
                    // The next float's bits carry over into the exponent; the largest value bounds its own bin.
                    upper[n] = Math.max(Math.min(Bins.lower(p - first, bin + 1), max), lower[n]);
                    counts[n++] = page[bin];
                }
            }
        }
        if (n > 0 && bounds.atMax > 0 && upper[n - 1] == max && lower[n - 1] < max) {
            long rest = (long) counts[n - 1] - bounds.atMax;
            if (rest > 0) {
                counts[n - 1] = rest;
                n++;
            }
            lower[n - 1] = max;
            upper[n - 1] = max;
            counts[n - 1] = bounds.atMax;
        }
        return new Magnitudes(Arrays.copyOf(lower, n), Arrays.copyOf(upper, n), Arrays.copyOf(counts, n));
    }

    /// How many values there are.
    public double count() {
        return countBefore[counts.length];
    }

    /// Bins with values in them.
    public int bins() {
        return counts.length;
    }

    /// The smallest magnitude of bin `bin`.
    public double lower(int bin) {
        return lower[bin];
    }

    /// The end of bin `bin`; equal to [#lower] where all its values are one number.
    public double upper(int bin) {
        return upper[bin];
    }

    /// Values in bin `bin`.
    public double count(int bin) {
        return counts[bin];
    }

    /// The largest magnitude that a value can have; 0 where there is none.
    public double max() {
        return counts.length == 0 ? 0 : upper[counts.length - 1];
    }

    /// The first bin that reaches above `x`, or [#bins].
    public int binAt(double x) {
        return binBetween(x, 0, counts.length);
    }

    /// As [#binAt(double)], for an `x` that is known to be in bin `from` or a later one, and likely near.
    public int binAt(double x, int from) {
        int step = 1;
        int low = from;
        while (low + step < counts.length && upper[low + step] <= x) {
            low += step;
            step *= 2;
        }
        return binBetween(x, low, Math.min(counts.length, low + step + 1));
    }

    private int binBetween(double x, int from, int to) {
        int low = from;
        int high = to;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (upper[middle] > x) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /// The sum of the squared distances to `level` of the values between `from` and `to`.
    ///
    /// @param fromBin [#binAt] of `from`
    /// @param toBin [#binAt] of `to`
    public double squaredDistance(double from, int fromBin, double to, int toBin, double level) {
        if (toBin - fromBin > 8) {
            return sums(to, toBin).minus(sums(from, fromBin)).squaredDistance(level);
        }
        // Few bins: directly, since for values far from zero the difference of prefix sums would be mostly rounding.
        double sum = 0;
        for (int bin = fromBin; bin <= toBin && bin < counts.length; bin++) {
            double a = Math.max(lower[bin], from);
            double b = Math.min(upper[bin], to);
            double width = b - a;
            double distance = (a + b) / 2 - level;
            double count = counts[bin];
            if (bin == toBin || a > lower[bin]) {
                if (!(width > 0)) {
                    continue;
                }
                count *= width / (upper[bin] - lower[bin]);
            }
            sum += count * (distance * distance + width * width / 12);
        }
        return sum;
    }

    /// How many values lie below `x`.
    public double countBelow(double x) {
        return sums(x).count;
    }

    /// Count, sum and sum of squares of the values below `x`.
    public Sums sums(double x) {
        return sums(x, binAt(x));
    }

    /// As [#sums(double)] where [#binAt] is known.
    public Sums sums(double x, int bin) {
        double count = countBefore[bin];
        double sum = sumBefore[bin];
        double squares = squaresBefore[bin];
        if (bin < counts.length && lower[bin] < x) {
            double a = lower[bin];
            double density = counts[bin] / (upper[bin] - a);
            count += density * (x - a);
            sum += density * (x - a) * (x + a) / 2;
            squares += density * (x - a) * (x * x + x * a + a * a) / 3;
        }
        return new Sums(count, sum, squares);
    }

    /// The magnitude below which `count` values lie.
    public double magnitude(double count) {
        int bin = Arrays.binarySearch(countBefore, count);
        if (bin < 0) {
            bin = -bin - 2;
        }
        if (bin >= counts.length) {
            return max();
        }
        return lower[bin] + (upper[bin] - lower[bin]) * (count - countBefore[bin]) / counts[bin];
    }

    /// Count, sum and sum of squares of some values.
    public record Sums(double count, double sum, double squares) {
        /// Of the values that are in this but not in `other`.
        public Sums minus(Sums other) {
            return new Sums(count - other.count, sum - other.sum, squares - other.squares);
        }

        /// The sum of the squared distances of the values to `level`.
        public double squaredDistance(double level) {
            return Math.max(0, squares - 2 * level * sum + level * level * count);
        }
    }

    /// The sums over all values.
    public Sums total() {
        return sums(Double.POSITIVE_INFINITY, counts.length);
    }
}
