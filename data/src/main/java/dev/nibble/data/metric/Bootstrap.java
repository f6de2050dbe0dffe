package dev.nibble.data.metric;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;

/// Percentile bootstrap over samples (Efron 1979): 2,000 resamples from a fixed seed, so that the same scores give the
/// same interval on every machine.
final class Bootstrap {
    static final int RESAMPLES = 2_000;
    private static final long SEED = 20_261_122;

    private Bootstrap() {}

    /// The 95 % interval of a statistic that is a function of column sums.
    ///
    /// @param columns values a sample, a column each
    static Interval interval(double[][] columns, ToDoubleFunction<double[]> statistic) {
        double[] sorted = statistics(columns, statistic);
        return sorted.length == 0
                ? Interval.NONE
                : new Interval(sorted[(int) (RESAMPLES * 0.025)], sorted[(int) (RESAMPLES * 0.975) - 1]);
    }

    /// The statistic of each resample, in the order drawn, so that two may be compared resample by resample; none where
    /// there are fewer than two samples.
    ///
    /// @param statistic of the samples with these numbers
    static double[] resamples(int n, ToDoubleFunction<int[]> statistic) {
        if (n < 2) {
            return new double[0];
        }
        SplittableRandom random = new SplittableRandom(SEED);
        double[] values = new double[RESAMPLES];
        int[] drawn = new int[n];
        for (int r = 0; r < RESAMPLES; r++) {
            for (int i = 0; i < n; i++) {
                drawn[i] = random.nextInt(n);
            }
            values[r] = statistic.applyAsDouble(drawn);
        }
        return values;
    }

    /// The middle 95 % of resampled statistics; [Interval#NONE] where one is not finite.
    static Interval percentiles(double[] values) {
        if (values.length == 0 || !Arrays.stream(values).allMatch(Double::isFinite)) {
            return Interval.NONE;
        }
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return new Interval(sorted[(int) (RESAMPLES * 0.025)], sorted[(int) (RESAMPLES * 0.975) - 1]);
    }

    /// The statistic of each resample, in ascending order; none where there are fewer than two samples or a value is
    /// not finite.
    static double[] statistics(double[][] columns, ToDoubleFunction<double[]> statistic) {
        int n = columns[0].length;
        for (double[] column : columns) {
            if (n < 2 || !Arrays.stream(column).allMatch(Double::isFinite)) {
                return new double[0];
            }
        }
        SplittableRandom random = new SplittableRandom(SEED);
        double[] values = new double[RESAMPLES];
        double[] sums = new double[columns.length];
        for (int r = 0; r < RESAMPLES; r++) {
            Arrays.fill(sums, 0);
            for (int i = 0; i < n; i++) {
                int drawn = random.nextInt(n);
                for (int c = 0; c < sums.length; c++) {
                    sums[c] += columns[c][drawn];
                }
            }
            values[r] = statistic.applyAsDouble(sums);
        }
        Arrays.sort(values);
        return values;
    }
}
