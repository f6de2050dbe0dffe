package dev.nibble.quant.weight;

import dev.nibble.graph.Shape;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.QuantizedTensor;
import dev.nibble.quant.TensorEncoding;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/// Decides the codes of one layer's weight, and its bias, from the statistics of what it reads: `recovery` in one place
/// for convolutions (grouped and depthwise ones too), Gemm and MatMul; see [RoundByCovariance].
public final class DecideWeights {
    private DecideWeights() {}

    /// What was decided for a layer.
    ///
    /// @param codes the weight, as it is stored
    /// @param bias the corrected bias; as it was where the layer has none or correction is switched off
    /// @param before the error at the output with rounding to nearest, relative to the output's variance
    /// @param after the same with these codes
    /// @param steps the same after each step that was taken
    /// @param untouched groups whose inputs do not vary: their weights were rounded to nearest
    /// @param damping of the covariance that took most, as a share of its mean diagonal; 0 where none was factored
    @SuppressWarnings("ArrayRecordComponent")
    public record Decision(
            QuantizedTensor codes,
            float[] bias,
            double before,
            double after,
            Map<WeightStep, Double> steps,
            int untouched,
            double damping) {}

    /// Why the weights of `layer` cannot be decided under `start`; empty where they can.
    public static Optional<String> obstacle(LinearLayer layer, TensorEncoding.Affine start) {
        if (!start.grid().signed() || Arrays.stream(start.zeroPoints()).anyMatch(z -> z != 0)) {
            return Optional.of("weights that are not symmetric have no rule");
        }
        return Optional.empty();
    }

    /// Decides.
    ///
    /// @param shape of the stored weight
    /// @param weights the float weight as rows of the matrix
    /// @param bias a value for each row; zeros where there is none
    /// @param start grid, granularity, and the scales of rounding to nearest
    /// @param least for each row, the smallest scale it may have (see [dev.nibble.quant.place.QuantizeModel])
    public static Decision decide(
            LinearLayer layer,
            Shape shape,
            float[] weights,
            float[] bias,
            TensorEncoding.Affine start,
            double[] least,
            LayerStatistics statistics,
            WeightSteps steps,
            MatrixProducts products) {
        int depth = layer.depth();
        int rows = layer.outputsPerGroup();
        ScaleLayout layout = ScaleLayout.of(layer, shape, start);
        boolean one = start.granularity() instanceof Granularity.PerTensor;
        // Groups that share one scale keep the one that they start from.
        WeightSteps taken = one && layer.groups() > 1 ? steps.withFixedScales() : steps;
        double floor = one ? Arrays.stream(least).max().orElse(0) : 0;
        int[] codes = new int[layer.outputs() * depth];
        double[] scales = new double[layer.outputs() * layout.blocks()];
        float[] corrected = bias.clone();
        double before = 0;
        double after = 0;
        double signal = 0;
        int untouched = 0;
        double damping = 0;
        Map<WeightStep, Double> left = new EnumMap<>(WeightStep.class);
        // Where the bias takes the mean error out, only the error around the mean is left for the weights.
        boolean corrects = steps.bias() && layer.bias() != null;
        for (int g = 0; g < layer.groups(); g++) {
            LayerStatistics.Moments moments = statistics.moments(g);
            LayerStatistics.Moments fitted =
                    corrects ? moments : moments.aroundZero(Arrays.copyOfRange(bias, g * rows, (g + 1) * rows));
            double[] first = new double[rows * layout.blocks()];
            for (int r = 0; r < rows; r++) {
                for (int b = 0; b < layout.blocks(); b++) {
                    first[r * layout.blocks() + b] =
                            Math.max(start.scale(layout.group(g * rows + r, b)), Math.max(least[g * rows + r], floor));
                }
            }
            RoundingProblem problem = new RoundingProblem(
                    rows,
                    depth,
                    Arrays.copyOfRange(weights, g * rows * depth, (g + 1) * rows * depth),
                    first,
                    layout.blockOf(),
                    Arrays.copyOfRange(least, g * rows, (g + 1) * rows),
                    one,
                    start.grid());
            Optional<RoundingProblem.Solution> solved =
                    RoundByCovariance.solve(problem, fitted.h(), fitted.c(), taken, products);
            RoundingProblem.Solution solution = solved.orElseGet(() -> nearest(problem));
            untouched += solved.isPresent() ? 0 : 1;
            damping = Math.max(damping, solution.damping());
            before += solution.before();
            after += solution.after();
            signal += solution.signal();
            solution.steps().forEach((step, error) -> left.merge(step, error, Double::sum));
            System.arraycopy(solution.codes(), 0, codes, g * rows * depth, rows * depth);
            System.arraycopy(solution.scales(), 0, scales, g * first.length, first.length);
            if (corrects) {
                correct(layer, layout, g, solution, moments, corrected);
            }
        }
        float[] stored = new float[start.groups()];
        for (int row = 0; row < layer.outputs(); row++) {
            for (int b = 0; b < layout.blocks(); b++) {
                stored[layout.group(row, b)] = (float) scales[row * layout.blocks() + b];
            }
        }
        TensorEncoding.Affine encoding =
                new TensorEncoding.Affine(start.grid(), start.granularity(), stored, start.zeroPoints());
        return new Decision(
                QuantizedTensor.of(shape, layer.stored(codes), encoding),
                corrected,
                signal > 0 ? before / signal : 0,
                signal > 0 ? after / signal : 0,
                relative(left, signal),
                untouched,
                damping);
    }

    private static Map<WeightStep, Double> relative(Map<WeightStep, Double> errors, double signal) {
        Map<WeightStep, Double> relative = new EnumMap<>(WeightStep.class);
        errors.forEach((step, error) -> relative.put(step, signal > 0 ? error / signal : 0));
        return relative;
    }

    private static RoundingProblem.Solution nearest(RoundingProblem problem) {
        int[] codes = new int[problem.rows() * problem.depth()];
        for (int i = 0; i < codes.length; i++) {
            double scale = problem.scale(problem.scales(), i / problem.depth(), i % problem.depth());
            codes[i] = problem.code(problem.weights()[i], scale);
        }
        return new RoundingProblem.Solution(codes, problem.scales(), 0, 0, 0, Map.of(), 0);
    }

    /// `b = mean(y) − Q mean(x̂)`.
    private static void correct(
            LinearLayer layer,
            ScaleLayout layout,
            int group,
            RoundingProblem.Solution solution,
            LayerStatistics.Moments moments,
            float[] bias) {
        int depth = layer.depth();
        int rows = layer.outputsPerGroup();
        for (int r = 0; r < rows; r++) {
            double seen = 0;
            for (int k = 0; k < depth; k++) {
                float scale = (float) solution.scales()[r * layout.blocks() + layout.blockOf()[k]];
                seen += (double) solution.codes()[r * depth + k] * scale * moments.meanX()[k];
            }
            bias[group * rows + r] = (float) (moments.meanY()[r] - seen);
        }
    }

    /// Which scale of the stored weight belongs to which block of a row.
    @SuppressWarnings("ArrayRecordComponent")
    private record ScaleLayout(int blocks, int[] blockOf, boolean one, boolean blockMajor, int outputs) {
        static ScaleLayout of(LinearLayer layer, Shape shape, TensorEncoding.Affine encoding) {
            int[] blockOf = new int[layer.depth()];
            return switch (encoding.granularity()) {
                case Granularity.PerTensor() -> new ScaleLayout(1, blockOf, true, false, layer.outputs());
                case Granularity.PerChannel _ -> new ScaleLayout(1, blockOf, false, false, layer.outputs());
                case Granularity.PerBlock(int _, int size) -> {
                    Arrays.setAll(blockOf, k -> k / size);
                    yield new ScaleLayout(
                            Math.ceilDiv(layer.depth(), size), blockOf, false, layer.transposed(), layer.outputs());
                }
            };
        }

        int group(int row, int block) {
            return one ? 0 : blockMajor ? block * outputs + row : row * blocks + block;
        }
    }
}
