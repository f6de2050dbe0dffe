package dev.nibble.report;

import org.jspecify.annotations.Nullable;

/// A range that a calibrator proposes for a tensor.
///
/// @param sqnrDb of the tensor under that range
public record RangeChoice(
        String calibrator, double min, double max, @Nullable Double sqnrDb) {
    public RangeChoice {
        Values.present("calibrator", calibrator);
        if (!(min <= max) || !Double.isFinite(min) || !Double.isFinite(max)) {
            throw new IllegalArgumentException(
                    "range of " + calibrator + " needs finite min <= max, but was " + min + " … " + max);
        }
        sqnrDb = Values.decibels(sqnrDb);
    }
}
