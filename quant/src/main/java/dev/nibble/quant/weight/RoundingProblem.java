package dev.nibble.quant.weight;

import dev.nibble.quant.IntegerGrid;
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
    record Solution(
            int[] codes, double[] scales, double before, double after, double signal, Map<WeightStep, Double> steps) {}

    int code(double value, double scale) {
        return (int) Math.clamp(Math.rint(value / scale), grid.qMin(), grid.qMax());
    }

    double scale(double[] from, int row, int column) {
        return from[row * blocks() + blockOf[column]];
    }
}
