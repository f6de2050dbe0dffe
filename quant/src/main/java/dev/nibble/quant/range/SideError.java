package dev.nibble.quant.range;

import dev.nibble.quant.observe.Magnitudes;

/// The squared error of one side of zero on a grid of steps 0, s, 2s … steps·s. Zero is always a step, so each side
/// can be looked at alone.
///
/// @param rounding summed over the values up to the last step
/// @param clipping summed over the values beyond
/// @param clipped how many lie beyond
record SideError(double rounding, double clipping, double clipped) {
    /// Below this many steps, cells are summed one by one; above, bins are.
    private static final int FEW_STEPS = 256;

    /// A bin that spans this many steps is taken to have the mean error of whole cells, s²/12. Exact where a bin
    /// holds whole cells; otherwise off by at most half a cell in eight.
    private static final double WIDE = 8;

    static SideError of(Magnitudes side, double step, long steps) {
        double end = steps * step;
        double rounding = steps <= FEW_STEPS ? cells(side, step, (int) steps) : bins(side, step, end);
        int bin = side.binAt(end);
        return new SideError(
                rounding,
                clipping(side, end, bin),
                side.count() - side.sums(end, bin).count());
    }

    /// What lies beyond `end`, which is in bin `bin`.
    static double clipping(Magnitudes side, double end, int bin) {
        return side.squaredDistance(end, bin, Double.POSITIVE_INFINITY, side.bins(), end);
    }

    /// For each n up to `steps`: the rounding error, and `weight` times the clipping error, if n is the last step.
    static double[] costs(Magnitudes side, double step, int steps, double weight) {
        double[] costs = new double[steps + 1];
        double sum = 0;
        double from = 0;
        int fromBin = 0;
        for (int k = 0; k <= steps; k++) {
            double level = k * step;
            int levelBin = side.binAt(level, fromBin);
            double next = level + step / 2;
            int nextBin = side.binAt(next, levelBin);
            double lowerHalf = side.squaredDistance(from, fromBin, level, levelBin, level);
            costs[k] = sum + lowerHalf + weight * clipping(side, level, levelBin);
            sum += lowerHalf + side.squaredDistance(level, levelBin, next, nextBin, level);
            from = next;
            fromBin = nextBin;
        }
        return costs;
    }

    private static double cells(Magnitudes side, double step, int steps) {
        double sum = 0;
        double from = 0;
        int fromBin = 0;
        for (int k = 0; k <= steps && fromBin < side.bins(); k++) {
            double to = k == steps ? k * step : (k + 0.5) * step;
            int toBin = side.binAt(to, fromBin);
            sum += side.squaredDistance(from, fromBin, to, toBin, k * step);
            from = to;
            fromBin = toBin;
        }
        return sum;
    }

    private static double bins(Magnitudes side, double step, double end) {
        double sum = side.sums(Math.min(step / 2, end)).squares();
        for (int bin = side.binAt(step / 2); bin < side.bins() && side.lower(bin) < end; bin++) {
            double from = Math.max(side.lower(bin), step / 2);
            double to = Math.min(side.upper(bin), end);
            double width = side.upper(bin) - side.lower(bin);
            if (width > WIDE * step) {
                Magnitudes.Sums rest = side.sums(end).minus(side.sums(from));
                return sum + rest.count() * step * step / 12;
            }
            if (width == 0) {
                double distance = from - step * Math.rint(from / step);
                sum += side.count(bin) * distance * distance;
            } else {
                sum += side.count(bin) / width * (integral(to / step) - integral(from / step)) * step * step * step;
            }
        }
        return sum;
    }

    /// The integral of (x − round(x))² from 0 to `x ≥ 0`.
    private static double integral(double x) {
        double cell = Math.rint(x);
        double rest = x - cell;
        return (cell + 4 * rest * rest * rest) / 12;
    }
}
