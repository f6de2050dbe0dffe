package dev.nibble.quant.weight;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.quant.IntegerGrid;
import dev.nibble.quant.weight.RoundingProblem.Solution;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RoundByCovarianceTest {
    private static final IntegerGrid INT4 = new IntegerGrid(4, true, true);
    private final MatrixProducts products = new MatrixProducts(new LoopExecutor(), 1);

    @AfterEach
    void close() {
        products.close();
    }

    /// Inputs that are correlated: `H = A Aᵀ / n`.
    private static double[] covariance(int depth, Random random) {
        int n = 2 * depth;
        double[][] a = new double[depth][n];
        double[] common = random.doubles(n).toArray();
        for (double[] row : a) {
            double share = random.nextDouble();
            for (int i = 0; i < n; i++) {
                row[i] = random.nextGaussian() + 3 * share * common[i];
            }
        }
        double[] h = new double[depth * depth];
        for (int i = 0; i < depth; i++) {
            for (int j = 0; j < depth; j++) {
                for (int k = 0; k < n; k++) {
                    h[i * depth + j] += a[i][k] * a[j][k] / n;
                }
            }
        }
        return h;
    }

    private static RoundingProblem problem(int rows, int depth, boolean shared, Random random) {
        float[] weights = new float[rows * depth];
        double[] scales = new double[rows];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (float) random.nextGaussian();
            scales[i / depth] = Math.max(scales[i / depth], Math.abs(weights[i]) / 7);
        }
        if (shared) {
            Arrays.fill(scales, Arrays.stream(scales).max().orElseThrow());
        }
        return new RoundingProblem(rows, depth, weights, scales, new int[depth], new double[rows], shared, INT4);
    }

    /// `C = W H`: what the float model makes of the same inputs.
    private static double[] cross(RoundingProblem problem, double[] h) {
        int depth = problem.depth();
        double[] c = new double[problem.rows() * depth];
        for (int row = 0; row < problem.rows(); row++) {
            for (int k = 0; k < depth; k++) {
                for (int j = 0; j < depth; j++) {
                    c[row * depth + k] += problem.weights()[row * depth + j] * h[j * depth + k];
                }
            }
        }
        return c;
    }

    /// `r' H r` over all rows, by definition.
    private static double error(RoundingProblem problem, Solution solution, double[] h) {
        int depth = problem.depth();
        double sum = 0;
        for (int row = 0; row < problem.rows(); row++) {
            double[] r = new double[depth];
            for (int k = 0; k < depth; k++) {
                r[k] = solution.codes()[row * depth + k] * solution.scales()[row] - problem.weights()[row * depth + k];
            }
            for (int i = 0; i < depth; i++) {
                for (int j = 0; j < depth; j++) {
                    sum += r[i] * h[i * depth + j] * r[j];
                }
            }
        }
        return sum;
    }

    @Test
    void eachStepLowersTheErrorAtTheOutput() {
        Random random = new Random(7);
        for (boolean shared : new boolean[] {false, true}) {
            for (int depth : new int[] {9, 48}) {
                RoundingProblem problem = problem(6, depth, shared, random);
                double[] h = covariance(depth, random);
                double[] c = cross(problem, h);
                WeightSteps none = new WeightSteps(false, false, false, false, false, true, 1e-6, 24, 6);
                WeightSteps scales = new WeightSteps(true, false, false, false, false, true, 1e-6, 24, 6);
                WeightSteps feedback = new WeightSteps(true, false, true, false, false, true, 1e-6, 24, 6);
                WeightSteps all = new WeightSteps(true, true, true, true, true, true, 1e-6, 24, 6);
                double plain = error(problem, solved(problem, h, c, none), h);
                double searched = error(problem, solved(problem, h, c, scales), h);
                double fed = error(problem, solved(problem, h, c, feedback), h);
                double best = error(problem, solved(problem, h, c, all), h);
                assertTrue(searched < plain, searched + " < " + plain);
                assertTrue(fed < searched, fed + " < " + searched);
                assertTrue(best < fed, best + " < " + fed);
                // Rounding to nearest ignores correlations; with them, more than half of the error goes.
                assertTrue(best < plain / 2, best + " < " + plain / 2);
            }
        }
    }

    private Solution solved(RoundingProblem problem, double[] h, double[] c, WeightSteps steps) {
        return RoundByCovariance.solve(problem, h, c, steps, products).orElseThrow();
    }

    @Test
    void findsTheBestCodesOfASmallRow() {
        Random random = new Random(3);
        WeightSteps codes = new WeightSteps(false, false, true, true, false, true, 1e-9, 24, 6);
        int best = 0;
        for (int i = 0; i < 50; i++) {
            RoundingProblem problem = problem(1, 3, false, random);
            double[] h = covariance(3, random);
            double found = error(problem, solved(problem, h, cross(problem, h), codes), h);
            double least = exhaustive(problem, h);
            best += found <= least * (1 + 1e-6) ? 1 : 0;
            assertTrue(found <= least * 3, "case " + i + ": " + found + " against " + least);
        }
        // Feedback and descent end in a local minimum now and then.
        assertTrue(best >= 45, best + " of 50");
    }

    private static double exhaustive(RoundingProblem problem, double[] h) {
        double least = Double.POSITIVE_INFINITY;
        int[] codes = new int[3];
        for (codes[0] = -7; codes[0] <= 7; codes[0]++) {
            for (codes[1] = -7; codes[1] <= 7; codes[1]++) {
                for (codes[2] = -7; codes[2] <= 7; codes[2]++) {
                    least = Math.min(
                            least,
                            error(problem, new Solution(codes, problem.scales(), 0, 0, 0, java.util.Map.of(), 0), h));
                }
            }
        }
        return least;
    }

    @Test
    void retargetsToTheQuantizedInputs() {
        // Behind quantization the input arrives halved: y = w x = (2 w) x̂.
        Random random = new Random(5);
        RoundingProblem problem = problem(2, 8, false, random);
        double[] h = covariance(8, random);
        double[] c = Arrays.stream(cross(problem, h)).map(v -> 2 * v).toArray();
        Solution solution = solved(problem, h, c, new WeightSteps(true, true, true, true, true, true, 1e-6, 24, 6));
        double[] doubled = new double[solution.codes().length];
        double error = 0;
        double size = 0;
        for (int i = 0; i < doubled.length; i++) {
            double value = solution.codes()[i] * solution.scales()[i / 8];
            error += Math.pow(value - 2 * problem.weights()[i], 2);
            size += Math.pow(2 * problem.weights()[i], 2);
        }
        // 4 bits leave a few percent of a Gaussian's energy.
        assertTrue(error < 0.1 * size, error / size + " of the energy");
    }

    @Test
    void keepsScalesAboveTheirFloor() {
        Random random = new Random(11);
        RoundingProblem free = problem(3, 9, false, random);
        double[] floor = Arrays.stream(free.scales()).map(s -> 1.02 * s).toArray();
        RoundingProblem bound = new RoundingProblem(3, 9, free.weights(), floor, free.blockOf(), floor, false, INT4);
        double[] h = covariance(9, random);
        Solution solution = solved(bound, h, cross(bound, h), WeightSteps.ALL);
        for (int row = 0; row < 3; row++) {
            assertTrue((float) solution.scales()[row] >= (float) floor[row]);
        }
    }

    @Test
    void aSingularCovarianceIsDampedAndAnEmptyOneRefused() {
        double[] singular = new double[9];
        Arrays.fill(singular, 1);
        assertTrue(Factor.of(singular, 3, 1e-9).isPresent());
        assertEquals(Optional.empty(), Factor.of(new double[9], 3, 0.01));
        double[] infinite = {Double.NaN, 0, 0, 1};
        assertEquals(Optional.empty(), Factor.of(infinite, 2, 0.01));
        double[] indefinite = {1, 5, 5, 1};
        assertEquals(Optional.empty(), Factor.of(indefinite, 2, 0.01));
    }

    /// Rounding leaves a covariance slightly indefinite: its least eigenvalue is −2e-4 of the mean diagonal.
    @Test
    void moreDampingThanWasAskedForIsReported() {
        Random random = new Random(17);
        RoundingProblem problem = problem(2, 2, false, random);
        double[] h = {1, 1.0002, 1.0002, 1};
        WeightSteps steps = new WeightSteps(true, true, true, true, true, true, 1e-6, 24, 6);
        // A thousandth is the first of 1e-6, 1e-5, … to outweigh it.
        assertEquals(1e-3, solved(problem, h, cross(problem, h), steps).damping(), 1e-12);
        double[] definite = {1, 0.5, 0.5, 1};
        assertEquals(
                1e-6, solved(problem, definite, cross(problem, definite), steps).damping(), 1e-18);
    }

    @Test
    void solvesByTheFactor() {
        double[] h = {4, 1, 0, 1, 3, 1, 0, 1, 2};
        Factor factor = Factor.of(h, 3, 1e-12).orElseThrow();
        // H x for x = (1, −2, 3)
        assertArrayEquals(new double[] {1, -2, 3}, factor.solve(new double[] {2, -2, 4}), 1e-9);
    }

    @Test
    void resultsDoNotDependOnTheExecutorsThreads() {
        Random random = new Random(13);
        RoundingProblem problem = problem(8, 40, false, random);
        double[] h = covariance(40, random);
        double[] c = cross(problem, h);
        try (MatrixProducts two = new MatrixProducts(new LoopExecutor(), 2)) {
            Solution one = solved(problem, h, c, WeightSteps.ALL);
            Solution other =
                    RoundByCovariance.solve(problem, h, c, WeightSteps.ALL, two).orElseThrow();
            assertArrayEquals(one.codes(), other.codes());
            assertArrayEquals(one.scales(), other.scales());
        }
    }
}
