package dev.nibble.quant.weight;

import dev.nibble.graph.Tensor;
import dev.nibble.quant.weight.RoundingProblem.Solution;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Chooses codes and scales of a matrix by the error at its output, `r' H r` for the error `r` of a row and the
/// covariance `H` of what it reads.
///
/// In this order, each step on its own switch of [WeightSteps]:
///
/// 1. *Scales* from [WeightSteps#candidates] a row, by the output error of rounding to nearest (AIMET's SeqMSE, in closed
///    form).
/// 2. *Retarget*: the least-squares weights for the quantized inputs, `W* = (C + k W)(H + k I)⁻¹`.
/// 3. *Feedback*: columns in descending order of the diagonal, each error carried over to the columns that follow
///    (GPTQ; Frantar et al., ICLR 2023), by the Cholesky factor of `H + k I`.
/// 4. *Descend*: coordinate descent over the codes.
/// 5. *Refit*: the scale that fits the codes best, `s = q' H w* / q' H q`; kept where the error is lower, with a descent
///    after it.
///
/// What each step leaves of the error is noted: the error beyond that of the least-squares weights, which no rounding
/// can fall below by much.
///
/// Rows are independent of each other, unless all of them share one scale. The result does not depend on threads.
final class RoundByCovariance {
    private static final int REFITS = 3;

    /// Up to this depth loops are faster than calling the executor.
    private static final int SMALL_DEPTH = 32;

    /// Candidates as shares of the scale that covers all of a row's weights: at 4 bits the best clips a third or more,
    /// from 8 bits on next to nothing.
    private static final double WIDEST = 1.05;

    private static final double NARROWEST_4_BITS = 0.35;
    private static final double NARROWEST_8_BITS = 0.75;

    private final RoundingProblem problem;
    private final WeightSteps steps;
    private final Factor factor;
    private final MatrixProducts products;
    private final double[] h;
    private final double[][] target;
    private final double[] scales;
    private final int[][] codes;
    private final double[][] best;
    private final Map<WeightStep, Double> errors = new EnumMap<>(WeightStep.class);

    private RoundByCovariance(RoundingProblem problem, double[] c, Factor factor, WeightSteps steps, MatrixProducts p) {
        this.problem = problem;
        this.steps = steps;
        this.factor = factor;
        this.products = p;
        this.h = factor.damped();
        this.scales = problem.scales().clone();
        this.codes = new int[problem.rows()][];
        this.target = new double[problem.rows()][];
        this.best = new double[problem.rows()][];
        int depth = problem.depth();
        eachRow(row -> {
            double[] own = new double[depth];
            double[] wanted = new double[depth];
            for (int k = 0; k < depth; k++) {
                own[k] = problem.weights()[row * depth + k];
                wanted[k] = c[row * depth + k] + factor.damping() * own[k];
            }
            best[row] = factor.solve(wanted);
            target[row] = steps.retarget() ? best[row] : own;
        });
    }

    /// Solves `problem`; empty where the inputs do not vary, so that rounding to nearest is as good as anything.
    ///
    /// @param h covariance of the inputs, `depth × depth`
    /// @param c covariance of the wanted outputs with the inputs, `rows × depth`
    static Optional<Solution> solve(
            RoundingProblem problem, double[] h, double[] c, WeightSteps steps, MatrixProducts products) {
        return Factor.of(h, problem.depth(), steps.damping())
                .map(factor -> new RoundByCovariance(problem, c, factor, steps, products).solve());
    }

    private Solution solve() {
        int rows = problem.rows();
        int[][] nearest = new int[rows][];
        eachRow(row -> {
            nearest[row] = new int[problem.depth()];
            for (int k = 0; k < problem.depth(); k++) {
                double scale = problem.scale(problem.scales(), row, k);
                nearest[row][k] = problem.code(problem.weights()[row * problem.depth() + k], scale);
            }
        });
        double[] first = errors(residuals(best, nearest, problem.scales()));
        if (steps.retarget()) {
            eachRow(row -> codes[row] = nearest(row, scales));
            note(WeightStep.RETARGET);
        }
        if (steps.searchScales() && problem.blocks() > 1) {
            eachRow(row ->
                    BlockScales.search(problem, row, target[row], h, WIDEST, narrowest(), steps.candidates(), scales));
        } else if (steps.searchScales()) {
            searchScales();
        }
        eachRow(row -> codes[row] = nearest(row, scales));
        if (steps.searchScales()) {
            note(WeightStep.SCALES);
        }
        if (steps.feedback()) {
            eachRow(row -> codes[row] = withFeedback(row));
            note(WeightStep.FEEDBACK);
        }
        improve();
        double[] last = errors(residuals(best, codes, scales));
        if (problem.shared()) {
            if (Arrays.stream(last).sum() > Arrays.stream(first).sum()) {
                System.arraycopy(nearest, 0, codes, 0, nearest.length);
                System.arraycopy(problem.scales(), 0, scales, 0, scales.length);
                System.arraycopy(first, 0, last, 0, last.length);
            }
        } else {
            for (int row = 0; row < rows; row++) {
                if (last[row] > first[row]) {
                    codes[row] = nearest[row];
                    System.arraycopy(
                            problem.scales(), row * problem.blocks(), scales, row * problem.blocks(), problem.blocks());
                    last[row] = first[row];
                }
            }
        }
        int[] all = new int[rows * problem.depth()];
        for (int row = 0; row < rows; row++) {
            System.arraycopy(codes[row], 0, all, row * problem.depth(), problem.depth());
        }
        return new Solution(
                all,
                scales,
                Arrays.stream(first).sum(),
                Arrays.stream(last).sum(),
                Arrays.stream(errors(best)).sum(),
                errors,
                factor.share());
    }

    /// Notes the error at the output that is left once `step` is done.
    private void note(WeightStep step) {
        errors.put(step, Arrays.stream(errors(residuals(best, codes, scales))).sum());
    }

    /// Descent and refits from the present codes and scales.
    private void improve() {
        double[][] residuals = residuals(target, codes, scales);
        double[][] gradients = products(residuals);
        if (steps.descend()) {
            eachRow(row -> descend(row, residuals[row], gradients[row], null));
            note(WeightStep.DESCENT);
        }
        if (steps.refit()) {
            double[] errors = new double[problem.rows()];
            eachRow(row -> errors[row] = dot(residuals[row], gradients[row]));
            double[][] units = new double[problem.rows()][];
            eachRow(row -> {
                units[row] = new double[problem.depth()];
                for (int k = 0; k < problem.depth(); k++) {
                    units[row][k] = codes[row][k];
                }
            });
            if (problem.blocks() == 1) {
                double[][] seen = products(units);
                for (int i = 0; i < REFITS; i++) {
                    if (problem.shared()) {
                        refitShared(residuals, gradients, seen, errors);
                    } else {
                        eachRow(row -> refit(row, residuals[row], gradients[row], seen[row], errors));
                    }
                }
            } else {
                for (int i = 0; i < REFITS; i++) {
                    eachRow(row -> refitBlocks(row, residuals[row], gradients[row], errors));
                }
            }
            note(WeightStep.REFIT);
        }
    }

    private double[][] residuals(double[][] from, int[][] of, double[] by) {
        double[][] residuals = new double[problem.rows()][];
        eachRow(row -> residuals[row] = residual(from[row], row, of[row], by));
        return residuals;
    }

    private double[] errors(double[][] residuals) {
        double[][] seen = products(residuals);
        double[] errors = new double[residuals.length];
        eachRow(row -> errors[row] = dot(residuals[row], seen[row]));
        return errors;
    }

    /// `H v` for each row `v`: by the executor where that is faster than loops.
    private double[][] products(double[][] vectors) {
        int depth = problem.depth();
        double[][] result = new double[vectors.length][];
        if (depth <= SMALL_DEPTH) {
            eachRow(row -> result[row] = product(vectors[row]));
            return result;
        }
        try (Arena arena = Arena.ofConfined()) {
            float[] flat = new float[vectors.length * depth];
            eachRow(row -> {
                for (int k = 0; k < depth; k++) {
                    flat[row * depth + k] = (float) vectors[row][k];
                }
            });
            float[] seen = products.times(
                    MatrixProducts.matrix(arena, flat, vectors.length, depth),
                    MatrixProducts.matrix(arena, narrowed(), depth, depth));
            eachRow(row -> {
                double[] own = new double[depth];
                for (int k = 0; k < depth; k++) {
                    own[k] = seen[row * depth + k];
                }
                result[row] = own;
            });
        }
        return result;
    }

    private float[] narrowed() {
        float[] narrow = new float[h.length];
        for (int i = 0; i < narrow.length; i++) {
            narrow[i] = (float) h[i];
        }
        return narrow;
    }

    private void eachRow(java.util.function.IntConsumer action) {
        IntStream.range(0, problem.rows()).parallel().forEach(action);
    }

    private int[] nearest(int row, double[] by) {
        int[] rounded = new int[problem.depth()];
        for (int k = 0; k < rounded.length; k++) {
            rounded[k] = problem.code(target[row][k], problem.scale(by, row, k));
        }
        return rounded;
    }

    private double[] residual(double[] from, int row, int[] of, double[] by) {
        double[] r = new double[problem.depth()];
        for (int k = 0; k < r.length; k++) {
            r[k] = of[k] * problem.scale(by, row, k) - from[k];
        }
        return r;
    }

    /// `H v`.
    private double[] product(double[] v) {
        int depth = v.length;
        double[] sum = new double[depth];
        for (int k = 0; k < depth; k++) {
            add(k, v[k], sum);
        }
        return sum;
    }

    /// Adds `factor` times column `k` of `H` to `into`.
    private void add(int k, double by, double[] into) {
        if (by == 0) {
            return;
        }
        int row = k * into.length;
        for (int j = 0; j < into.length; j++) {
            into[j] += by * h[row + j];
        }
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    private void searchScales() {
        int rows = problem.rows();
        int depth = problem.depth();
        int candidates = steps.candidates();
        double narrowest = narrowest();
        double[] widest = problem.widest(target);
        double[][] errors = new double[candidates][rows];
        try (Arena arena = Arena.ofConfined()) {
            Tensor covariance = MatrixProducts.matrix(arena, narrowed(), depth, depth);
            Tensor residuals = MatrixProducts.matrix(arena, new float[rows * depth], rows, depth);
            for (int f = 0; f < candidates; f++) {
                double share = WIDEST - (WIDEST - narrowest) * f / (candidates - 1);
                float[] r = new float[rows * depth];
                eachRow(row -> {
                    for (int k = 0; k < depth; k++) {
                        double scale = scaled(widest, row, problem.blockOf()[k], share);
                        double value = target[row][k];
                        r[row * depth + k] = (float) (problem.code(value, scale) * scale - value);
                    }
                });
                java.lang.foreign.MemorySegment.copy(r, 0, residuals.data(), Tensor.FLOAT_LE, 0, r.length);
                float[] seen = products.times(residuals, covariance);
                double[] into = errors[f];
                eachRow(row -> {
                    double sum = 0;
                    for (int k = row * depth; k < (row + 1) * depth; k++) {
                        sum += (double) seen[k] * r[k];
                    }
                    into[row] = sum;
                });
            }
        }
        double[] summed = new double[candidates];
        for (int f = 0; f < candidates; f++) {
            summed[f] = Arrays.stream(errors[f]).sum();
        }
        for (int row = 0; row < rows; row++) {
            int best = 0;
            for (int f = 1; f < candidates; f++) {
                boolean less = problem.shared() ? summed[f] < summed[best] : errors[f][row] < errors[best][row];
                best = less ? f : best;
            }
            double share = WIDEST - (WIDEST - narrowest) * best / (candidates - 1);
            for (int b = 0; b < problem.blocks(); b++) {
                scales[row * problem.blocks() + b] = scaled(widest, row, b, share);
            }
        }
    }

    private double narrowest() {
        return problem.grid().bits() >= 8 ? NARROWEST_8_BITS : NARROWEST_4_BITS;
    }

    private double scaled(double[] widest, int row, int block, double share) {
        return Math.max(widest[row * problem.blocks() + block] * share, problem.least()[row]);
    }

    private int[] withFeedback(int row) {
        int depth = problem.depth();
        int[] rounded = new int[depth];
        double[] carried = new double[depth];
        for (int place = depth - 1; place >= 0; place--) {
            int k = factor.column(place);
            double wanted = target[row][k] - carried[place] / factor.pivot(place);
            double scale = problem.scale(scales, row, k);
            rounded[k] = problem.code(wanted, scale);
            factor.addRow(place, rounded[k] * scale - target[row][k], carried);
        }
        return rounded;
    }

    /// Changes codes of a row one at a time, each to where the error is least, until none changes.
    ///
    /// @param residual of the row; kept up to date
    /// @param gradient `H` times it; kept up to date
    /// @param seen `H` times the codes, kept up to date; null where nobody needs it
    private void descend(int row, double[] residual, double[] gradient, double @Nullable [] seen) {
        int depth = problem.depth();
        int[] own = codes[row];
        for (int sweep = 0; sweep < steps.sweeps(); sweep++) {
            boolean changed = false;
            for (int place = depth - 1; place >= 0; place--) {
                int k = factor.column(place);
                double scale = problem.scale(scales, row, k);
                double step = -gradient[k] / (h[k * depth + k] * scale);
                if (Math.abs(step) <= 0.5) {
                    continue;
                }
                int code = (int) Math.clamp(
                        own[k] + Math.rint(step),
                        problem.grid().qMin(),
                        problem.grid().qMax());
                if (code != own[k]) {
                    int change = code - own[k];
                    add(k, change * scale, gradient);
                    residual[k] += change * scale;
                    if (seen != null) {
                        add(k, change, seen);
                    }
                    own[k] = code;
                    changed = true;
                }
            }
            if (!changed) {
                return;
            }
        }
    }

    /// Fits the scale of a row to its codes and descends again.
    private void refit(int row, double[] residual, double[] gradient, double[] seen, double[] errors) {
        int[] own = codes[row];
        double curvature = 0;
        double along = 0;
        for (int k = 0; k < own.length; k++) {
            curvature += own[k] * seen[k];
            along += own[k] * gradient[k];
        }
        double fitted = curvature > 0 ? (float) Math.max(scales[row] - along / curvature, problem.least()[row]) : 0;
        if (!(fitted > 0) || fitted == scales[row]) {
            return;
        }
        double old = scales[row];
        int[] oldCodes = own.clone();
        double[] oldGradient = gradient.clone();
        double[] oldResidual = residual.clone();
        double[] oldSeen = seen.clone();
        rescale(row, fitted, residual, gradient, seen);
        double error = dot(residual, gradient);
        if (error < errors[row]) {
            errors[row] = error;
        } else {
            scales[row] = old;
            System.arraycopy(oldCodes, 0, own, 0, own.length);
            System.arraycopy(oldGradient, 0, gradient, 0, own.length);
            System.arraycopy(oldResidual, 0, residual, 0, own.length);
            System.arraycopy(oldSeen, 0, seen, 0, own.length);
        }
    }

    private void rescale(int row, double scale, double[] residual, double[] gradient, double[] seen) {
        double change = scale - scales[row];
        scales[row] = scale;
        for (int k = 0; k < residual.length; k++) {
            residual[k] += change * codes[row][k];
            gradient[k] += change * seen[k];
        }
        if (steps.descend()) {
            descend(row, residual, gradient, seen);
        }
    }

    private void refitBlocks(int row, double[] residual, double[] gradient, double[] errors) {
        double[] part = new double[problem.depth()];
        for (int b = 0; b < problem.blocks(); b++) {
            for (int k = 0; k < part.length; k++) {
                part[k] = problem.blockOf()[k] == b ? codes[row][k] : 0;
            }
            double[] seen = product(part);
            double curvature = dot(part, seen);
            int at = row * problem.blocks() + b;
            double fitted = curvature > 0
                    ? (float) Math.max(scales[at] - dot(part, gradient) / curvature, problem.least()[row])
                    : 0;
            if (fitted > 0) {
                double change = fitted - scales[at];
                scales[at] = fitted;
                for (int k = 0; k < part.length; k++) {
                    residual[k] += change * part[k];
                    gradient[k] += change * seen[k];
                }
            }
        }
        if (steps.descend()) {
            descend(row, residual, gradient, null);
        }
        errors[row] = dot(residual, gradient);
    }

    private void refitShared(double[][] residuals, double[][] gradients, double[][] seen, double[] errors) {
        double along = 0;
        double curvature = 0;
        for (int row = 0; row < codes.length; row++) {
            for (int k = 0; k < problem.depth(); k++) {
                along += codes[row][k] * gradients[row][k];
                curvature += codes[row][k] * seen[row][k];
            }
        }
        double least = Arrays.stream(problem.least()).max().orElse(0);
        double fitted = curvature > 0 ? (float) Math.max(scales[0] - along / curvature, least) : 0;
        if (!(fitted > 0) || fitted == scales[0]) {
            return;
        }
        // The scale is at its optimum for these codes, and descent only lowers the error further.
        eachRow(row -> {
            rescale(row, fitted, residuals[row], gradients[row], seen[row]);
            errors[row] = dot(residuals[row], gradients[row]);
        });
    }
}
