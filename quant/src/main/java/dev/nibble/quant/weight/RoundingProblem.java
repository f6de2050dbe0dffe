package dev.nibble.quant.weight;

import dev.nibble.quant.IntegerGrid;
import java.util.Arrays;
import java.util.Map;

/// Which codes and scales to choose for the rows of one matrix, all of whose inputs are the same.
///
/// @param rows how many rows there are
/// @param depth how many columns
/// @param weights `rows × depth`
/// @param scales to start from: `rows × blocks`
/// @param blockOf for each column, which of its row's scales it has
/// @param least for each row, the smallest scale that it may have
/// @param shared whether all rows have one scale (then there is one block, and all of `scales` are equal)
/// @param grid signed codes; the zero point is 0
@SuppressWarnings("ArrayRecordComponent")
record RoundingProblem(
        int rows,
        int depth,
        float[] weights,
        double[] scales,
        int[] blockOf,
        double[] least,
        boolean shared,
        IntegerGrid grid) {
    int blocks() {
        return scales.length / rows;
    }

    /// What was chosen.
    ///
    /// @param codes `rows × depth`
    /// @param scales `rows × blocks`
    /// @param before the error at the output with codes rounded to nearest under the first scales, summed over rows
    /// @param after the same with what was chosen
    /// @param signal the variance of the output, summed over rows
    /// @param steps the error that was left after each step that was taken
    /// @param damping what was added to the covariance's diagonal, as a share of its mean; 0 where it was not factored
    record Solution(
            int[] codes,
            double[] scales,
            double before,
            double after,
            double signal,
            Map<WeightStep, Double> steps,
            double damping) {}

    int code(double value, double scale) {
        return (int) Math.clamp(Math.rint(value / scale), grid.qMin(), grid.qMax());
    }

    double scale(double[] from, int row, int column) {
        return from[row * blocks() + blockOf[column]];
    }

    /// The scales that cover all of `target`, which is rounded in place of the weights.
    double[] widest(double[][] target) {
        double[] widest = new double[scales.length];
        for (int row = 0; row < rows; row++) {
            for (int k = 0; k < depth; k++) {
                int at = row * blocks() + blockOf[k];
                widest[at] = Math.max(widest[at], Math.abs(target[row][k]) / grid.qMax());
            }
        }
        if (shared) {
            Arrays.fill(widest, Arrays.stream(widest).max().orElse(0));
        }
        for (int i = 0; i < widest.length; i++) {
            widest[i] = widest[i] > 0 ? widest[i] : scales[i];
        }
        return widest;
    }
}
