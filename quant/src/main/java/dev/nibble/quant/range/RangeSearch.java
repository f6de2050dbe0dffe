package dev.nibble.quant.range;

import dev.nibble.quant.Encoding;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.observe.Histogram;
import java.util.Locale;

/// A way to choose the range that is quantized, from what was observed. All of them read the same histogram, so
/// none needs another pass over the data, and none looks at more than the observed range.
///
/// A range always contains zero. Whatever lies outside is clipped.
public sealed interface RangeSearch {
    /// Everything that was observed.
    record MinMax() implements RangeSearch {}

    /// All but the tails: from the quantile `1 − percent/100` to the quantile `percent/100`, as AIMET and QAIRT
    /// count (each tail on its own). Symmetric schemes take the larger magnitude of the two.
    ///
    /// @param percent above 50, at most 100
    record Percentile(double percent) implements RangeSearch {
        /// QAIRT's default.
        public static final double DEFAULT_PERCENT = 99.99;

        public Percentile {
            if (!(percent > 50 && percent <= 100)) {
                throw new IllegalArgumentException("percent must be above 50 and at most 100, but was " + percent);
            }
        }
    }

    /// The least mean squared error of the tensor: rounding and clipping weigh the same.
    record Mse() implements RangeSearch {}

    /// The least squared error with clipping weighted threefold: the cost of AIMET's `tf_enhanced`, which QAIRT
    /// calls `sqnr`.
    record Sqnr() implements RangeSearch {
        /// AIMET's weight of the clipping error.
        public static final double CLIPPING_WEIGHT = 3;
    }

    /// The least Kullback-Leibler divergence between the data's distribution and that of its codes (S. Migacz,
    /// *8-bit inference with TensorRT*, GTC 2017); see [KullbackLeibler].
    ///
    /// @param bins bins of equal width over the observed magnitudes; at least 16 for each code are used
    record Entropy(int bins) implements RangeSearch {
        /// TensorRT's number of bins.
        public static final int DEFAULT_BINS = 2048;

        public Entropy {
            if (bins < 16 || bins > 1 << 24) {
                throw new IllegalArgumentException("bins must be between 16 and 2²⁴, but was " + bins);
            }
        }

        public Entropy() {
            this(DEFAULT_BINS);
        }
    }

    /// What lies within `fraction` of the largest magnitude, on both sides. Not good by itself, but one of a row of such
    /// ranges may be: where one channel is a hundred times as large as the others, and a normalization that follows makes
    /// little of it, the best range lies far from the least error of the tensor.
    ///
    /// @param fraction above 0, at most 1
    record Limit(double fraction) implements RangeSearch {
        public Limit {
            if (!(fraction > 0 && fraction <= 1)) {
                throw new IllegalArgumentException("the fraction must be above 0 and at most 1, but was " + fraction);
            }
        }

        /// As [#choose] for the scores of attention, whose largest are all that Softmax sees: what lies within `fraction`
        /// of the whole width from the largest down.
        public RangeChoice chooseFromTop(Histogram observed, int bits, Symmetry symmetry) {
            double least = observed.max() - fraction * ((double) observed.max() - observed.min());
            Encoding encoding = Encoding.ofRange(Math.min(least, 0), Math.max(observed.max(), 0), bits, symmetry);
            return new RangeChoice(this, encoding, ExpectedError.of(observed, encoding));
        }
    }

    /// The name that a user writes: `min-max`, `percentile`, `mse`, `sqnr`, `entropy`; or `limit-0.25`.
    default String id() {
        return switch (this) {
            case MinMax _ -> "min-max";
            case Percentile _ -> "percentile";
            case Mse _ -> "mse";
            case Sqnr _ -> "sqnr";
            case Entropy _ -> "entropy";
            case Limit(double fraction) -> String.format(Locale.ROOT, "limit-%.3g", fraction);
        };
    }

    /// Chooses.
    ///
    /// @param observed what is to be quantized; where it is empty or all zero, the range is −1…1
    /// @param bits 2, 4, 8 or 16
    default RangeChoice choose(Histogram observed, int bits, Symmetry symmetry) {
        Encoding encoding = switch (this) {
            case MinMax _ -> Encoding.ofRange(observed.min(), observed.max(), bits, symmetry);
            case Percentile(double percent) -> {
                double lo = observed.quantile(1 - percent / 100);
                double hi = observed.quantile(percent / 100);
                yield lo >= 0 && hi <= 0
                        // More than `percent` of the values are zero: the tails are all there is.
                        ? Encoding.ofRange(observed.min(), observed.max(), bits, symmetry)
                        : Encoding.ofRange(lo, hi, bits, symmetry);
            }
            case Mse _ -> SquaredErrorSearch.search(observed, bits, symmetry, 1);
            case Sqnr _ -> SquaredErrorSearch.search(observed, bits, symmetry, Sqnr.CLIPPING_WEIGHT);
            case Entropy(int bins) -> KullbackLeibler.search(observed, bits, symmetry, bins);
            case Limit(double fraction) -> {
                double bound = fraction * observed.absMax();
                yield Encoding.ofRange(
                        Math.clamp(observed.min(), -bound, 0), Math.clamp(observed.max(), 0, bound), bits, symmetry);
            }
        };
        return new RangeChoice(this, encoding, ExpectedError.of(observed, encoding));
    }
}
