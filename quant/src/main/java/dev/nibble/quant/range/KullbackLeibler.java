package dev.nibble.quant.range;

import dev.nibble.quant.Encoding;
import dev.nibble.quant.IntegerGrid;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.observe.Histogram;
import dev.nibble.quant.observe.Magnitudes;

/// The threshold T with the least Kullback-Leibler divergence D(P‖Q), after S. Migacz, *8-bit inference with
/// TensorRT* (GTC 2017), at any width and for both sides of zero.
///
/// P is the distribution of the values over bins of equal width up to T, with everything beyond added to the last
/// bin; Q is that of the values inside, summed over the bins of each code's cell and spread evenly over those of
/// them that are not empty. Both are normalized. Exact zeros are left out: zero is always a code, so a spike of
/// zeros (a Relu's) says nothing about the range.
///
/// The observed range is cut at ±T. There are at least 16 bins for each code at full range, as TensorRT has with
/// 2048 for 128, so that the divergence stays one of coding and not of binning at 16 bits. Σ p·log q is constant in
/// a cell, so with prefix sums a candidate costs one step for each code.
final class KullbackLeibler {
    private static final int BINS_PER_CODE = 16;
    private static final int CANDIDATES = 128;

    /// At 16 bits a candidate costs 2¹⁶ steps.
    private static final int CANDIDATES_WIDE = 32;
    private static final int WIDE = 4096;

    private KullbackLeibler() {}

    static Encoding search(Histogram observed, int bits, Symmetry symmetry, int bins) {
        Encoding widest = Encoding.ofRange(observed.min(), observed.max(), bits, symmetry);
        double max = observed.absMax();
        if (max == 0 || observed.binned() == observed.zeros() || widest.scale() <= Encoding.MINIMUM_SCALE) {
            return widest;
        }
        IntegerGrid grid = widest.grid();
        // Codes over the larger side at full range.
        long codes = Math.max((long) widest.zeroPoint() - grid.qMin(), (long) grid.qMax() - widest.zeroPoint());
        int count = (int) Math.max(bins, BINS_PER_CODE * codes);
        Side negative = Side.of(observed.negative(), max, count);
        Side positive = Side.of(observed.positive(), max, count);
        Encoding best = widest;
        double least = divergence(negative, positive, widest, max, count);
        // TensorRT starts where there are as many bins as codes: below, Q would equal P.
        int smallest = (int) Math.max(codes, 1);
        int candidates = codes > WIDE ? CANDIDATES_WIDE : CANDIDATES;
        for (int i = 1; i <= candidates; i++) {
            int kept = (int) Math.round(count * Math.pow((double) smallest / count, (double) i / candidates));
            double threshold = max * kept / count;
            Encoding candidate = Encoding.ofRange(
                    Math.clamp(observed.min(), -threshold, 0),
                    Math.clamp(observed.max(), 0, threshold),
                    bits,
                    symmetry);
            double divergence = divergence(negative, positive, candidate, threshold, kept);
            if (divergence < least) {
                least = divergence;
                best = candidate;
            }
        }
        return best;
    }

    /// D(P‖Q) in nats. With masses m of the bins, M of the cells and Z of their bins that are not empty,
    /// `Σ p·log p − Σ p·log q` where q = M/Z inside a cell.
    static double divergence(Side negative, Side positive, Encoding encoding, double threshold, int kept) {
        double outside = negative.outside(kept) + positive.outside(kept);
        double inside = negative.inside(kept) + positive.inside(kept);
        if (inside <= 0) {
            return Double.POSITIVE_INFINITY;
        }
        double step = encoding.scale() / threshold * kept;
        double value = negative.partial(kept, step) + positive.partial(kept, step);
        double total = inside + outside;
        return value / total - Math.log(total) + Math.log(inside);
    }

    /// The magnitudes of one side in bins of equal width, with prefix sums of mass, non-empty bins and m·log m.
    record Side(double[] mass, double[] filled, double[] plogp) {
        static Side of(Magnitudes side, double max, int bins) {
            double[] mass = new double[bins + 1];
            double[] filled = new double[bins + 1];
            double[] plogp = new double[bins + 1];
            double last = side.countBelow(0);
            for (int i = 0; i < bins; i++) {
                double next = i == bins - 1 ? side.count() : side.countBelow(max * (i + 1) / bins);
                double m = next - last;
                mass[i + 1] = next;
                filled[i + 1] = filled[i] + (m > 0 ? 1 : 0);
                plogp[i + 1] = plogp[i] + (m > 0 ? m * Math.log(m) : 0);
                last = next;
            }
            return new Side(mass, filled, plogp);
        }

        double inside(int kept) {
            return mass[kept];
        }

        double outside(int kept) {
            return mass[mass.length - 1] - mass[kept];
        }

        /// Σ m·log(m/q) over the bins kept, with what lies outside added to the last one that holds anything of Q.
        double partial(int kept, double step) {
            double value = plogp[kept];
            int from = 0;
            for (int code = 0; from < kept; code++) {
                int to = (int) Math.min(kept, Math.max(from, Math.round((code + 0.5) * step)));
                double cell = mass[to] - mass[from];
                double bins = filled[to] - filled[from];
                if (bins > 0) {
                    value -= cell * Math.log(cell / bins);
                }
                from = to;
            }
            double clipped = outside(kept);
            if (clipped > 0) {
                double lastBin = mass[kept] - mass[kept - 1];
                double q = lastBin > 0 ? lastCell(kept, step) : EMPTY;
                value += (lastBin + clipped) * Math.log(lastBin + clipped)
                        - (lastBin > 0 ? lastBin * Math.log(lastBin) : 0)
                        - clipped * Math.log(q);
            }
            return value;
        }

        /// Q of the last bin kept.
        private double lastCell(int kept, double step) {
            int code = (int) Math.floor((kept - 1) / step + 0.5);
            int from = (int) Math.min(kept - 1, Math.max(0, Math.round((code - 0.5) * step)));
            double bins = filled[kept] - filled[from];
            return (mass[kept] - mass[from]) / bins;
        }

        /// Q where P has mass and Q has none: the divergence is infinite in principle; as in AIMET, a small share
        /// of a value stands for it.
        private static final double EMPTY = 1e-4;
    }
}
