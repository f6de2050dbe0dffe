package dev.nibble.data.metric;

import java.util.Arrays;
import java.util.stream.IntStream;

/// Spearman's rank correlation: Pearson's correlation of the ranks, where equal values share their mean rank.
final class Spearman {
    private Spearman() {}

    /// @param chosen indices into both arrays; they may repeat
    /// @return −1 to 1; NaN where there are fewer than two samples or either side is constant or not finite
    static double of(double[] a, double[] b, int[] chosen) {
        return pearson(ranks(a, chosen), ranks(b, chosen));
    }

    private static double[] ranks(double[] values, int[] chosen) {
        double[] drawn = Arrays.stream(chosen).mapToDouble(i -> values[i]).toArray();
        if (!Arrays.stream(drawn).allMatch(Double::isFinite)) {
            return new double[0];
        }
        int n = drawn.length;
        Integer[] order = IntStream.range(0, n).boxed().toArray(Integer[]::new);
        Arrays.sort(order, (i, j) -> Double.compare(drawn[i] + 0.0, drawn[j] + 0.0));
        double[] ranks = new double[n];
        for (int from = 0; from < n; ) {
            int to = from + 1;
            while (to < n && drawn[order[to]] == drawn[order[from]]) {
                to++;
            }
            for (int i = from; i < to; i++) {
                ranks[order[i]] = (from + to - 1) / 2.0;
            }
            from = to;
        }
        return ranks;
    }

    private static double pearson(double[] a, double[] b) {
        int n = a.length;
        if (n < 2 || b.length != n) {
            return Double.NaN;
        }
        double meanA = Arrays.stream(a).average().orElse(0);
        double meanB = Arrays.stream(b).average().orElse(0);
        double product = 0;
        double squareA = 0;
        double squareB = 0;
        for (int i = 0; i < n; i++) {
            product += (a[i] - meanA) * (b[i] - meanB);
            squareA += (a[i] - meanA) * (a[i] - meanA);
            squareB += (b[i] - meanB) * (b[i] - meanB);
        }
        return squareA == 0 || squareB == 0 ? Double.NaN : product / Math.sqrt(squareA * squareB);
    }
}
