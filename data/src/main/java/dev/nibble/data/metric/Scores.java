package dev.nibble.data.metric;

import java.util.BitSet;

/// A metric's score for each sample, in the samples' order.
public sealed interface Scores {
    int n();

    /// The score of sample `index`.
    double score(int index);

    /// The mean score with its 95 % interval.
    MetricResult result(String name);

    /// Right or wrong. @param right bit `i` is set where sample `i` was right
    record Binary(BitSet right, int n) implements Scores {
        public Binary {
            right = (BitSet) right.clone();
        }

        @Override
        public double score(int index) {
            return right.get(index) ? 1 : 0;
        }

        @Override
        public MetricResult result(String name) {
            throw new UnsupportedOperationException();
        }
    }

    /// Any number.
    record Real(double[] values) implements Scores {
        public Real {
            values = values.clone();
        }

        @Override
        public int n() {
            return values.length;
        }

        @Override
        public double score(int index) {
            return values[index];
        }

        @Override
        public MetricResult result(String name) {
            throw new UnsupportedOperationException();
        }
    }
}
