package dev.nibble.quant.weight;

/// Mean and variance of a normal distribution, as batch norm leaves it, before and behind an activation that clips it
/// (Nagel et al., *Data-Free Quantization Through Weight Equalization and Bias Correction*, ICCV 2019, appendix C).
record ClippedNormal(double mean, double variance) {
    private static final double ROOT_TWO = Math.sqrt(2);
    private static final double DENSITY = 1 / Math.sqrt(2 * Math.PI);

    /// The moments of `min(max(x, low), high)` for a normal `x`; either bound may be infinite.
    ClippedNormal clipped(double low, double high) {
        double deviation = Math.sqrt(variance);
        if (!(deviation > 0)) {
            return new ClippedNormal(Math.min(Math.max(mean, low), high), 0);
        }
        double a = (low - mean) / deviation;
        double b = (high - mean) / deviation;
        double below = cumulative(a);
        double above = 1 - cumulative(b);
        double inside = 1 - below - above;
        // Of the standard normal between a and b: ∫ t φ(t) dt and ∫ t² φ(t) dt.
        double first = density(a) - density(b);
        double second = inside + edge(a) - edge(b);
        double clippedMean = atBound(low, below) + atBound(high, above) + mean * inside + deviation * first;
        double square = atBound(low * low, below)
                + atBound(high * high, above)
                + mean * mean * inside
                + 2 * mean * deviation * first
                + variance * second;
        return new ClippedNormal(clippedMean, Math.max(0, square - clippedMean * clippedMean));
    }

    /// An infinite bound is reached with probability 0.
    private static double atBound(double bound, double probability) {
        return probability == 0 ? 0 : bound * probability;
    }

    private static double density(double x) {
        return DENSITY * Math.exp(-x * x / 2);
    }

    private static double edge(double x) {
        return Double.isInfinite(x) ? 0 : x * density(x);
    }

    private static double cumulative(double x) {
        return Double.isInfinite(x) ? (x > 0 ? 1 : 0) : (1 + erf(x / ROOT_TWO)) / 2;
    }

    /// The error function to 1.5e-7 (Abramowitz and Stegun, *Handbook of Mathematical Functions*, 7.1.26).
    private static double erf(double x) {
        double t = 1 / (1 + 0.3275911 * Math.abs(x));
        double polynomial =
                t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
        return Math.copySign(1 - polynomial * Math.exp(-x * x), x);
    }
}
