package dev.nibble.data.metric;

import java.util.Arrays;
import java.util.BitSet;

/// Two runs over the same samples.
///
/// @param reference value of the first run (float)
/// @param value value of the second (quantized)
/// @param difference `value − reference`; negative is a loss
/// @param ci95 of the difference: Newcombe's paired interval for right-or-wrong scores, bootstrap percentiles of the
///     mean paired difference otherwise. A real difference is likely where it leaves out 0
/// @param pValue two-sided: McNemar's mid-p for right-or-wrong scores; otherwise twice the smaller share of bootstrap
///     differences on either side of 0, at most 1; NaN where there is too little to say
/// @param onlyReference samples right in the first run only; −1 for other scores
/// @param onlyValue samples right in the second run only; −1 for other scores
public record Comparison(
        String name,
        double reference,
        double value,
        double difference,
        Interval ci95,
        double pValue,
        long onlyReference,
        long onlyValue,
        long n) {
    /// Compares the scores of two runs over the same samples.
    ///
    /// @throws IllegalArgumentException where they differ in number
    public static Comparison of(String name, Scores reference, Scores scores) {
        if (reference.n() != scores.n()) {
            throw new IllegalArgumentException(
                    "both runs must have as many samples, but had %d and %d".formatted(reference.n(), scores.n()));
        }
        if (reference instanceof Scores.Binary(BitSet first, int n)
                && scores instanceof Scores.Binary(BitSet second, int _)) {
            return binary(name, first, second, n);
        }
        if (reference instanceof Scores.Ratio first && scores instanceof Scores.Ratio second) {
            double[][] columns = {first.sums(), second.sums(), first.weights()};
            return resampled(
                    name,
                    first.result(name).value(),
                    second.result(name).value(),
                    Bootstrap.statistics(columns, s -> second.statistic(s[1], s[2]) - first.statistic(s[0], s[2])),
                    first.n());
        }
        if (reference instanceof Scores.Ranking first && scores instanceof Scores.Ranking second) {
            return resampled(
                    name,
                    first.result(name).value(),
                    second.result(name).value(),
                    Bootstrap.resamples(first.n(), drawn -> second.over(drawn) - first.over(drawn)),
                    first.n());
        }
        int n = reference.n();
        double[] differences = new double[n];
        double firstSum = 0;
        double secondSum = 0;
        for (int i = 0; i < n; i++) {
            differences[i] = scores.score(i) - reference.score(i);
            firstSum += reference.score(i);
            secondSum += scores.score(i);
        }
        double[] means = Bootstrap.statistics(new double[][] {differences}, sums -> sums[0] / n);
        long below = 0;
        long above = 0;
        for (double mean : means) {
            below += mean <= 0 ? 1 : 0;
            above += mean >= 0 ? 1 : 0;
        }
        return new Comparison(
                name,
                firstSum / n,
                secondSum / n,
                (secondSum - firstSum) / n,
                Bootstrap.interval(new double[][] {differences}, sums -> sums[0] / n),
                means.length == 0 ? Double.NaN : Math.min(1, 2.0 * Math.min(below, above) / means.length),
                -1,
                -1,
                n);
    }

    private static Comparison resampled(String name, double first, double second, double[] differences, long n) {
        long below = Arrays.stream(differences).filter(d -> d <= 0).count();
        long above = Arrays.stream(differences).filter(d -> d >= 0).count();
        Interval interval = Bootstrap.percentiles(differences);
        double p = interval.equals(Interval.NONE)
                ? Double.NaN
                : Math.min(1, 2.0 * Math.min(below, above) / differences.length);
        return new Comparison(name, first, second, second - first, interval, p, -1, -1, n);
    }

    private static Comparison binary(String name, BitSet first, BitSet second, int n) {
        BitSet both = (BitSet) first.clone();
        both.and(second);
        long a = both.cardinality();
        long b = first.cardinality() - a;
        long c = second.cardinality() - a;
        return new Comparison(
                name,
                (double) (a + b) / n,
                (double) (a + c) / n,
                (double) (c - b) / n,
                Proportion.pairedDifference(a, b, c, n - a - b - c),
                n == 0 ? Double.NaN : Proportion.mcNemarMidP(b, c),
                b,
                c,
                n);
    }
}
