package dev.nibble.data.metric;

/// Shares of samples: intervals and tests.
public final class Proportion {
    /// The 97.5 % quantile of the standard normal distribution.
    static final double Z = 1.959963984540054;

    private Proportion() {}

    /// Wilson's score interval (1927) at 95 %, without continuity correction:
    /// `(p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n)`.
    ///
    /// @return none where `n` is 0
    public static Interval wilson(long successes, long n) {
        if (successes < 0 || successes > n) {
            throw new IllegalArgumentException("successes must be 0 to %d, but was %d".formatted(n, successes));
        }
        if (n == 0) {
            return Interval.NONE;
        }
        double p = (double) successes / n;
        double square = Z * Z / n;
        double center = p + square / 2;
        double half = Z * Math.sqrt(p * (1 - p) / n + square / (4 * n));
        double low = successes == 0 ? 0 : (center - half) / (1 + square);
        double high = successes == n ? 1 : (center + half) / (1 + square);
        return new Interval(Math.max(0, low), Math.min(1, high));
    }

    /// McNemar's exact test of paired right-or-wrong scores, two-sided: `2·P(X ≤ min(b, c))`, at most 1, with
    /// X ~ Binomial(b + c, ½).
    ///
    /// @param onlyFirst samples that only the first run got right (b)
    /// @param onlySecond samples that only the second run got right (c)
    public static double mcNemarExact(long onlyFirst, long onlySecond) {
        return Math.min(1, 2 * binomialTail(Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond));
    }

    /// McNemar's mid-p test: the exact test less the probability of what was seen (Fagerland, Lydersen and Laake,
    /// BMC Medical Research Methodology 13:91, 2013).
    public static double mcNemarMidP(long onlyFirst, long onlySecond) {
        long n = onlyFirst + onlySecond;
        long k = Math.min(onlyFirst, onlySecond);
        return Math.min(1, 2 * binomialTail(k, n) - Math.exp(logBinomial(k, n)));
    }

    /// The 95 % interval of `p₂ − p₁` for paired shares: Newcombe's method 10 (Statistics in Medicine 17:2635, 1998),
    /// from Wilson's intervals and a continuity-corrected φ.
    ///
    /// @param both samples that both runs got right
    /// @param neither samples that both got wrong
    public static Interval pairedDifference(long both, long onlyFirst, long onlySecond, long neither) {
        long n = both + onlyFirst + onlySecond + neither;
        if (n == 0) {
            return Interval.NONE;
        }
        double first = (double) (both + onlyFirst) / n;
        double second = (double) (both + onlySecond) / n;
        Interval one = wilson(both + onlyFirst, n);
        Interval two = wilson(both + onlySecond, n);
        double margins =
                (double) (both + onlyFirst) * (onlySecond + neither) * (both + onlySecond) * (onlyFirst + neither);
        double cross = (double) both * neither - (double) onlyFirst * onlySecond;
        double corrected = cross > 0 ? Math.max(cross - n / 2.0, 0) : cross;
        double phi = margins == 0 ? 0 : corrected / Math.sqrt(margins);
        double below = distance(second - two.low(), one.high() - first, phi);
        double above = distance(two.high() - second, first - one.low(), phi);
        double difference = second - first;
        return new Interval(Math.max(-1, difference - below), Math.min(1, difference + above));
    }

    private static double distance(double a, double b, double phi) {
        return Math.sqrt(Math.max(0, a * a - 2 * phi * a * b + b * b));
    }

    /// Whether an accuracy cannot be told from guessing: Wilson's interval reaches down to `1/classes`.
    ///
    /// @param classes at least 2
    public static boolean atChance(long successes, long n, long classes) {
        if (classes < 2) {
            throw new IllegalArgumentException("classes must be at least 2, but was " + classes);
        }
        return n > 0 && wilson(successes, n).low() <= 1.0 / classes;
    }

    /// P(X ≤ k), X ~ Binomial(n, ½).
    private static double binomialTail(long k, long n) {
        double sum = 0;
        double log = logBinomial(k, n);
        // From the greatest term down; the rest is below the last bit long before the end.
        for (long i = k; i >= 0 && log > -745; i--) {
            double term = Math.exp(log);
            sum += term;
            if (term < sum * 1e-18) {
                break;
            }
            log += Math.log((double) i / (n - i + 1));
        }
        return Math.min(1, sum);
    }

    /// ln P(X = k), X ~ Binomial(n, ½).
    private static double logBinomial(long k, long n) {
        return logFactorial(n) - logFactorial(k) - logFactorial(n - k) - n * Math.log(2);
    }

    private static double logFactorial(long n) {
        if (n < 1024) {
            double sum = 0;
            for (long i = 2; i <= n; i++) {
                sum += Math.log(i);
            }
            return sum;
        }
        // Stirling's series; the next term is below 1e-18 here.
        double x = n;
        return x * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI * x) + 1 / (12 * x) - 1 / (360 * x * x * x);
    }
}
