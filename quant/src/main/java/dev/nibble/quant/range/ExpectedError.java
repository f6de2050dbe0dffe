package dev.nibble.quant.range;

import dev.nibble.quant.Encoding;
import dev.nibble.quant.observe.Histogram;
import dev.nibble.quant.observe.Magnitudes;

/// The squared error that quantizing costs, computed from a histogram: exact for values spread evenly in each bin.
///
/// @param rounding mean squared error of the values inside the range, over all values
/// @param clipping mean squared error of the values outside, over all values
/// @param clippedFraction part of the values that lies outside
/// @param signal mean square of all values
public record ExpectedError(double rounding, double clipping, double clippedFraction, double signal) {
    /// The error of `encoding` on what was observed; all zero where nothing was.
    public static ExpectedError of(Histogram observed, Encoding encoding) {
        double values = observed.binned();
        if (values == 0) {
            return new ExpectedError(0, 0, 0, 0);
        }
        long below = (long) encoding.zeroPoint() - encoding.grid().qMin();
        long above = (long) encoding.grid().qMax() - encoding.zeroPoint();
        SideError negative = SideError.of(observed.negative(), encoding.scale(), below);
        SideError positive = SideError.of(observed.positive(), encoding.scale(), above);
        Magnitudes.Sums all = observed.negative().total();
        return new ExpectedError(
                (negative.rounding() + positive.rounding()) / values,
                (negative.clipping() + positive.clipping()) / values,
                (negative.clipped() + positive.clipped()) / values,
                (all.squares() + observed.positive().total().squares()) / values);
    }

    /// The mean squared error.
    public double mse() {
        return rounding + clipping;
    }

    /// Signal to quantization noise ratio, `10·log₁₀(signal / mse)`, in decibels; infinite where there is no error.
    public double sqnrDb() {
        return mse() == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(signal / mse());
    }
}
