package dev.nibble.report;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What the model is worth after a step of the recipe and all steps before it: the first rung is plain rounding, the
/// last the whole recipe. Measured as the headline is, over the same samples.
///
/// @param step `plain`, or the step that was added
/// @param metric absent without labels
/// @param sqnrDb of the first output
/// @param seconds wall time of quantizing with these steps, what earlier rungs did already left out
/// @param layers SQNR by layer; of the first and the last rung
public record LadderRung(
        String step, @Nullable Metric metric, @Nullable Double sqnrDb, double seconds, List<LayerError> layers) {
    public LadderRung {
        Values.present("ladder[].step", step);
        Values.nonNegative("ladder[].seconds", seconds);
        sqnrDb = Values.decibels(sqnrDb);
        layers = Values.list(layers);
    }
}
