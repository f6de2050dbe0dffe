package dev.nibble.report;

import org.jspecify.annotations.Nullable;

/// How many samples served for what.
///
/// @param calibration samples that set the ranges
/// @param evaluation samples the quantized file was measured on
/// @param evaluatedOnCalibration the evaluation samples were calibration samples too
/// @param labels the evaluation samples have labels
/// @param calibrationData where they came from, as the user gave it
/// @param evaluationData where they came from, as the user gave it
public record Samples(
        long calibration,
        long evaluation,
        boolean evaluatedOnCalibration,
        boolean labels,
        @Nullable String calibrationData,
        @Nullable String evaluationData) {
    public Samples {
        Values.nonNegative("samples.calibration", calibration);
        Values.nonNegative("samples.evaluation", evaluation);
    }
}
