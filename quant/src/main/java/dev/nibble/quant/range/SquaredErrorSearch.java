package dev.nibble.quant.range;

import dev.nibble.quant.Encoding;
import dev.nibble.quant.IntegerGrid;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.observe.Histogram;
import dev.nibble.quant.observe.Magnitudes;
import java.util.Arrays;

/// Looks for the scale and zero point with the least `rounding + weight · clipping` squared error.
///
/// Scales run from the one that covers everything observed down by sixteenths of an octave to where half of the
/// values that are not zero would be clipped, then by finer steps around the best: logarithmic, because one outlier
/// may be 10⁹ times as large as all else. Up to 8 bits every zero point is tried at each scale, at the price of
/// one, since the errors of the two sides add. At 16 bits, where rounding is nearly `scale²/12` wherever the range
/// lies, pairs of bounds are ranked by that and the best measured exactly.
final class SquaredErrorSearch {
    private static final double COARSE = Math.pow(2, -1 / 16.0);
    private static final double FINE = Math.pow(2, -1 / 128.0);

    private final Histogram observed;
    private final double weight;
    private double bestCost = Double.POSITIVE_INFINITY;
    private double bestScale;
    private long bestBelow;

    private SquaredErrorSearch(Histogram observed, double weight) {
        this.observed = observed;
        this.weight = weight;
    }

    static Encoding search(Histogram observed, int bits, Symmetry symmetry, double weight) {
        Encoding widest = Encoding.ofRange(observed.min(), observed.max(), bits, symmetry);
        if (observed.binned() == 0 || observed.absMax() == 0 || widest.scale() <= Encoding.MINIMUM_SCALE) {
            return widest;
        }
        IntegerGrid grid = widest.grid();
        var search = new SquaredErrorSearch(observed, weight);
        boolean twoSided = symmetry == Symmetry.ASYMMETRIC && observed.min() < 0 && observed.max() > 0;
        if (!twoSided) {
            search.scales(
                    widest.scale(), (long) widest.zeroPoint() - grid.qMin(), (long) grid.qMax() - widest.zeroPoint());
        } else if (bits <= 8) {
            search.scalesAndZeroPoints(widest, (int) grid.steps());
        } else {
            search.bounds(grid.steps());
        }
        float scale = (float) Math.max(Math.min(search.bestScale, widest.scale()), Encoding.MINIMUM_SCALE);
        int zeroPoint = symmetry == Symmetry.ASYMMETRIC ? (int) (grid.qMin() + search.bestBelow) : 0;
        Encoding found = new Encoding(scale, zeroPoint, grid);
        return search.cost(widest) <= search.cost(found) ? widest : found;
    }

    private double cost(Encoding encoding) {
        ExpectedError error = ExpectedError.of(observed, encoding);
        return error.rounding() + weight * error.clipping();
    }

    private static double cost(SideError negative, SideError positive, double weight) {
        return negative.rounding() + positive.rounding() + weight * (negative.clipping() + positive.clipping());
    }

    /// One zero point: `below` steps under zero, `above` over it.
    private void scales(double widest, long below, long above) {
        double smallest = widest * smallest() / observed.absMax();
        for (double scale = widest; scale >= smallest; scale *= COARSE) {
            tryScale(scale, below, above);
        }
        double around = bestScale;
        for (int i = -8; i <= 8; i++) {
            tryScale(Math.min(widest, around * Math.pow(FINE, i)), below, above);
        }
    }

    private void tryScale(double scale, long below, long above) {
        double cost = cost(
                SideError.of(observed.negative(), scale, below),
                SideError.of(observed.positive(), scale, above),
                weight);
        keep(cost, scale, below);
    }

    private void keep(double cost, double scale, long below) {
        if (cost < bestCost) {
            bestCost = cost;
            bestScale = scale;
            bestBelow = below;
        }
    }

    private void scalesAndZeroPoints(Encoding widest, int steps) {
        double smallest = smallest() / steps;
        for (double scale = widest.scale(); scale >= smallest; scale *= COARSE) {
            tryZeroPoints(scale, steps);
        }
        double around = bestScale;
        for (int i = -8; i <= 8; i++) {
            tryZeroPoints(Math.min(widest.scale(), around * Math.pow(FINE, i)), steps);
        }
    }

    private void tryZeroPoints(double scale, int steps) {
        int mostBelow = (int) Math.min(steps, Math.ceil(-observed.min() / scale));
        int mostAbove = (int) Math.min(steps, Math.ceil(observed.max() / scale));
        double[] negative = SideError.costs(observed.negative(), scale, mostBelow, weight);
        double[] positive = SideError.costs(observed.positive(), scale, mostAbove, weight);
        for (int below = Math.max(0, steps - mostAbove); below <= mostBelow; below++) {
            keep(negative[below] + positive[steps - below], scale, below);
        }
    }

    /// The smallest magnitude that is tried as a bound: a quarter of the values that are not zero lie below it,
    /// found by bisection of the exponent.
    private double smallest() {
        Magnitudes negative = observed.negative();
        Magnitudes positive = observed.positive();
        double wanted = (negative.count() + positive.count()) / 4;
        double low = Math.log(Float.MIN_VALUE);
        double high = Math.log(observed.absMax());
        while (high - low > 1 / 16.0) {
            double middle = (low + high) / 2;
            double x = Math.exp(middle);
            if (negative.countBelow(x) + positive.countBelow(x) < wanted) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return Math.exp(high);
    }

    /// Pairs of bounds, sixteenths of an octave apart, ranked by `scale²/12` and clipping; then the best exactly.
    private void bounds(long steps) {
        double smallest = smallest();
        Side negative = Side.of(observed.negative(), -observed.min(), smallest);
        Side positive = Side.of(observed.positive(), observed.max(), smallest);
        int best = 8;
        double[] rank = new double[best];
        double[] lows = new double[best];
        double[] highs = new double[best];
        Arrays.fill(rank, Double.POSITIVE_INFINITY);
        for (int i = 0; i < negative.bounds.length; i++) {
            for (int j = 0; j < positive.bounds.length; j++) {
                double scale = (negative.bounds[i] + positive.bounds[j]) / steps;
                double cost = scale * scale / 12 * (negative.inside[i] + positive.inside[j])
                        + weight * (negative.clipping[i] + positive.clipping[j]);
                if (cost < rank[best - 1]) {
                    int k = best - 1;
                    for (; k > 0 && rank[k - 1] > cost; k--) {
                        rank[k] = rank[k - 1];
                        lows[k] = lows[k - 1];
                        highs[k] = highs[k - 1];
                    }
                    rank[k] = cost;
                    lows[k] = negative.bounds[i];
                    highs[k] = positive.bounds[j];
                }
            }
        }
        for (int k = 0; k < best && rank[k] < Double.POSITIVE_INFINITY; k++) {
            double scale = (lows[k] + highs[k]) / steps;
            long below = Math.round(lows[k] / scale);
            tryScale(scale, below, steps - below);
        }
    }

    /// Candidate bounds of one side, with what lies inside and what clipping there costs.
    private record Side(double[] bounds, double[] inside, double[] clipping) {
        static Side of(Magnitudes side, double max, double smallest) {
            int n = 1 + (int) Math.max(0, Math.ceil(Math.log(max / Math.min(max, smallest)) / -Math.log(COARSE)));
            double[] bounds = new double[n];
            double[] inside = new double[n];
            double[] clipping = new double[n];
            for (int i = 0; i < n; i++) {
                bounds[i] = max * Math.pow(COARSE, i);
                int bin = side.binAt(bounds[i]);
                inside[i] = side.sums(bounds[i], bin).count();
                clipping[i] = SideError.clipping(side, bounds[i], bin);
            }
            return new Side(bounds, inside, clipping);
        }
    }
}
