package dev.nibble.data.metric;

import java.util.Arrays;
import java.util.BitSet;
import java.util.stream.IntStream;

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

    /// Sums over unequal samples: the value is all sums over all weights, such as the mean over all tokens.
    ///
    /// @param exponential whether the value is e to that mean: perplexity
    record Ratio(double[] sums, double[] weights, boolean exponential) implements Scores {
        public Ratio {
            if (sums.length != weights.length) {
                throw new IllegalArgumentException("there must be a weight a sum");
            }
            sums = sums.clone();
            weights = weights.clone();
        }

        @Override
        public double[] sums() {
            return sums.clone();
        }

        @Override
        public double[] weights() {
            return weights.clone();
        }

        @Override
        public int n() {
            return sums.length;
        }

        @Override
        public double score(int index) {
            return sums[index] / weights[index];
        }

        double statistic(double sum, double weight) {
            return exponential ? Math.exp(sum / weight) : sum / weight;
        }

        @Override
        public MetricResult result(String name) {
            double value =
                    statistic(Arrays.stream(sums).sum(), Arrays.stream(weights).sum());
            return new MetricResult(
                    name,
                    value,
                    sums.length,
                    Bootstrap.interval(new double[][] {sums, weights}, s -> statistic(s[0], s[1])));
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Ratio that
                    && Arrays.equals(sums, that.sums)
                    && Arrays.equals(weights, that.weights)
                    && exponential == that.exponential;
        }

        @Override
        public int hashCode() {
            return 31 * Arrays.hashCode(sums) + Arrays.hashCode(weights);
        }
    }

    /// Numbers whose order is compared with the order that they should have: Spearman's rank correlation.
    record Ranking(double[] values, double[] wanted) implements Scores {
        public Ranking {
            if (values.length != wanted.length) {
                throw new IllegalArgumentException("there must be a wanted number a value");
            }
            values = values.clone();
            wanted = wanted.clone();
        }

        @Override
        public double[] values() {
            return values.clone();
        }

        @Override
        public double[] wanted() {
            return wanted.clone();
        }

        @Override
        public int n() {
            return values.length;
        }

        @Override
        public double score(int index) {
            return values[index];
        }

        /// The correlation over the samples numbered `chosen`, which may repeat.
        double over(int[] chosen) {
            return Spearman.of(values, wanted, chosen);
        }

        @Override
        public MetricResult result(String name) {
            int n = values.length;
            return new MetricResult(
                    name,
                    over(IntStream.range(0, n).toArray()),
                    n,
                    Bootstrap.percentiles(Bootstrap.resamples(n, this::over)));
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Ranking that
                    && Arrays.equals(values, that.values)
                    && Arrays.equals(wanted, that.wanted);
        }

        @Override
        public int hashCode() {
            return 31 * Arrays.hashCode(values) + Arrays.hashCode(wanted);
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
