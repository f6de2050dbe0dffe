package dev.nibble.pipeline;

import dev.nibble.graph.NibbleException;
import dev.nibble.report.Figures;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What a result must reach: `--max-drop`, `--min-sqnr`, `--min-cosine`. Null is no gate.
///
/// @param maxDropPoints the most that the task metric may lose, in percentage points
/// @param minSqnrDb the least signal to noise of the outputs, in decibels
/// @param minCosine the least cosine between the outputs
public record Gates(
        @Nullable Double maxDropPoints,
        @Nullable Double minSqnrDb,
        @Nullable Double minCosine) {
    /// No gate.
    public static final Gates NONE = new Gates(null, null, null);

    /// @throws NibbleException where a value is NaN
    public Gates {
        for (Double gate : new Double[] {maxDropPoints, minSqnrDb, minCosine}) {
            if (gate != null && gate.isNaN()) {
                throw new NibbleException("a gate must be a number, but was NaN", "correct --max-drop or --min-…");
            }
        }
    }

    /// Whether nothing is asked for.
    public boolean isEmpty() {
        return maxDropPoints == null && minSqnrDb == null && minCosine == null;
    }

    /// A sentence for each gate that does not hold. What was not measured, or is not a number, does not hold.
    ///
    /// @param drop what the task metric lost, as a fraction (0.01 is one point)
    public List<String> failures(@Nullable Double drop, @Nullable Double sqnrDb, @Nullable Double cosine) {
        List<String> failures = new ArrayList<>();
        if (maxDropPoints != null && !(drop != null && drop * 100 <= maxDropPoints)) {
            failures.add(
                    drop == null
                            ? "the drop is not known without labels, and --max-drop is " + maxDropPoints
                            : "the drop is %s points, more than --max-drop %s"
                                    .formatted(String.format(Locale.ROOT, "%.2f", drop * 100), maxDropPoints));
        }
        if (minSqnrDb != null && !(sqnrDb != null && sqnrDb >= minSqnrDb)) {
            failures.add("the SQNR is %s, less than --min-sqnr %s"
                    .formatted(sqnrDb == null ? "not known" : Figures.decibels(sqnrDb), minSqnrDb));
        }
        if (minCosine != null && !(cosine != null && cosine >= minCosine)) {
            failures.add("the cosine is %s, less than --min-cosine %s"
                    .formatted(cosine == null ? "not known" : Figures.cosine(cosine), minCosine));
        }
        return failures;
    }
}
