package dev.nibble.data.metric;

import java.util.Arrays;
import java.util.BitSet;

/// A metric's score for each sample, in the samples' order.
public sealed interface Scores {
    int n();

    /// The score of sample `index`.
    double score(int index);

    /// The mean score with its 95 % interval; NaN where there are no samples.
    MetricResult result(String name);

    /// Right or wrong.
    ///
    /// @param right bit `i` is set where sample `i` was right; none at or above `n`
    record Binary(BitSet right, int n) implements Scores {
        public Binary {
            right = (BitSet) right.clone();
            if (n < right.length()) {
                throw new IllegalArgumentException("n must be at least %d, but was %d".formatted(right.length(), n));
            }
        }

        @Override
        public BitSet right() {
            return (BitSet) right.clone();
        }

        @Override
        public double score(int index) {
            return right.get(index) ? 1 : 0;
        }

        /// The share of right samples with Wilson's interval.
        @Override
        public MetricResult result(String name) {
            int successes = right.cardinality();
            return new MetricResult(name, (double) successes / n, n, Proportion.wilson(successes, n));
        }
    }

    /// Any number.
    record Real(double[] values) implements Scores {
        public Real {
            values = values.clone();
        }

        @Override
        public double[] values() {
            return values.clone();
        }

        @Override
        public int n() {
            return values.length;
        }

        @Override
        public double score(int index) {
            return values[index];
        }

        /// The mean with a bootstrap interval.
        @Override
        public MetricResult result(String name) {
            int n = values.length;
            return new MetricResult(
                    name,
                    Arrays.stream(values).sum() / n,
                    n,
                    Bootstrap.interval(new double[][] {values}, sums -> sums[0] / n));
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Real that && Arrays.equals(values, that.values);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(values);
        }
    }
}
