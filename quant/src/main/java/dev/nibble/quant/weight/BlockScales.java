package dev.nibble.quant.weight;

/// Scales of a row that has several: each block's by the error that rounding it to nearest puts out, `r' H r` over the
/// block's own columns. The other blocks do not matter yet: what they add in common is made up for when codes are
/// chosen.
final class BlockScales {
    private BlockScales() {}

    /// Searches the scales of `row`.
    ///
    /// @param target what is rounded
    /// @param h covariance of the inputs, `depth × depth`
    /// @param widest the largest candidate, as a share of the scale that covers all of a block's weights
    /// @param narrowest the smallest one
    /// @param candidates how many there are
    /// @param scales all rows' scales, of which this row's are replaced
    static void search(
            RoundingProblem problem,
            int row,
            double[] target,
            double[] h,
            double widest,
            double narrowest,
            int candidates,
            double[] scales) {
        int depth = problem.depth();
        int[] blockOf = problem.blockOf();
        for (int first = 0; first < depth; ) {
            int end = first;
            double largest = 0;
            while (end < depth && blockOf[end] == blockOf[first]) {
                largest = Math.max(largest, Math.abs(target[end]));
                end++;
            }
            if (largest > 0) {
                double full = largest / problem.grid().qMax();
                double[] residual = new double[end - first];
                double least = Double.POSITIVE_INFINITY;
                double best = full;
                for (int f = 0; f < candidates; f++) {
                    double share = widest - (widest - narrowest) * f / (candidates - 1);
                    double scale = Math.max((float) (full * share), problem.least()[row]);
                    for (int k = first; k < end; k++) {
                        residual[k - first] = problem.code(target[k], scale) * scale - target[k];
                    }
                    double error = error(residual, h, first, depth);
                    if (error < least) {
                        least = error;
                        best = scale;
                    }
                }
                scales[row * problem.blocks() + blockOf[first]] = best;
            }
            first = end;
        }
    }

    private static double error(double[] residual, double[] h, int first, int depth) {
        double sum = 0;
        for (int i = 0; i < residual.length; i++) {
            int at = (first + i) * depth + first;
            double own = 0.5 * residual[i] * h[at + i];
            for (int j = 0; j < i; j++) {
                own += residual[j] * h[at + j];
            }
            sum += 2 * residual[i] * own;
        }
        return sum;
    }
}
