package dev.nibble.quant.weight;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.place.PlacementPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.LongPredicate;

/// How far quantization moves the mean of each channel behind a LayerNormalization: what its shift has to give back.
///
/// Rounding errors of single values cancel in sums over many tokens; an error that all tokens share does not. Clipped
/// outliers make such errors, attention hands on little else (it averages values over tokens), and behind every
/// normalization there is a constant that can take them: its shift β. The mean is taken of what the normalization makes
/// of its float input and of its quantized one, everything before it quantized and corrected (empirical bias
/// correction; Nagel et al., *Data-Free Quantization Through Weight Equalization and Bias Correction*, ICCV 2019,
/// section 4.2.1, with a normalization in the place of a layer):
///
///     β ← β + E[γ n(x)] − E[γ̂ n(x̂)],   n(x) = (x − mean(x)) / √(var(x) + ε)
///
/// Each batch is a sample of its own of that difference. A channel whose batches disagree gets less of it: the mean is
/// shrunk by the share of its square that is the squared error of the mean (positive-part James and Stein).
public final class NormalizationShift {
    /// Two batches tell how far batches disagree; one does not.
    private static final int LEAST_BATCHES = 2;

    private final float[] exactScale;
    private final float[] roundedScale;
    private final double epsilon;
    private final List<double[]> sums = new ArrayList<>();
    private final List<Long> counts = new ArrayList<>();

    /// A LayerNormalization over the last axis whose shift is a constant that nothing else reads.
    public record Site(Node node, double epsilon) {
        /// The initializer of γ.
        public String scale() {
            return node.input(1);
        }

        /// The initializer of β.
        public String shift() {
            return node.input(2);
        }
    }

    /// @param exactScale γ
    /// @param roundedScale γ as it is stored
    public NormalizationShift(float[] exactScale, float[] roundedScale, double epsilon) {
        this.exactScale = exactScale.clone();
        this.roundedScale = roundedScale.clone();
        this.epsilon = epsilon;
    }

    /// The normalizations of `plan` in `scope` that can be corrected, in the graph's order.
    ///
    /// @param skipped gets the others, by label, with the reason
    public static List<Site> sites(PlacementPlan plan, Scope scope, Map<String, String> skipped) {
        Graph graph = plan.model().graph();
        List<Site> sites = new ArrayList<>();
        for (Node node : graph.nodes()) {
            if (!node.is("LayerNormalization")) {
                continue;
            }
            String shift = node.hasInput(2) ? node.input(2) : "";
            Shape scale = graph.initializer(node.input(1))
                    .map(constant -> constant.shape())
                    .orElse(Shape.SCALAR);
            Shape shape = graph.shape(node.input(0)).orElse(Shape.SCALAR);
            long axis = node.intAttribute("axis", -1);
            String reason = null;
            if (!scope.includes(node)) {
                reason = "it is not in the step's scope";
            } else if (graph.initializer(shift).isEmpty()
                    || graph.consumers(shift).size() != 1
                    || graph.isOutput(shift)) {
                reason = "it has no constant shift that is its alone";
            } else if (plan.isFrozen(shift) || plan.isFrozen(node.input(1))) {
                reason = "the encoding of its scale or shift is given, so its shift stays as it is";
            } else if (scale.rank() != 1
                    || axis != -1 && axis != shape.rank() - 1
                    || graph.initializer(shift).orElseThrow().shape().elements() != scale.elements()) {
                reason = "it normalizes more than the last axis";
            }
            if (reason == null) {
                sites.add(new Site(node, node.floatAttribute("epsilon", 1e-5f)));
            } else {
                skipped.put(node.label(), reason);
            }
        }
        return sites;
    }

    /// Looks at a batch of what the normalization reads.
    ///
    /// @param exact in the float model: FLOAT, the channels last
    /// @param rounded in the quantized one, of the same shape
    /// @param counts which rows count, by their number
    public void add(Tensor exact, Tensor rounded, LongPredicate counts) {
        int channels = exactScale.length;
        float[] x = exact.toFloats();
        float[] seen = rounded.toFloats();
        double[] sum = new double[channels];
        long rows = 0;
        for (int row = 0; row < x.length / channels; row++) {
            if (counts.test(row)) {
                normalize(x, row * channels, exactScale, 1, sum);
                normalize(seen, row * channels, roundedScale, -1, sum);
                rows++;
            }
        }
        if (rows > 0) {
            sums.add(sum);
            this.counts.add(rows);
        }
    }

    private void normalize(float[] values, int from, float[] scale, int sign, double[] sum) {
        double mean = 0;
        double squares = 0;
        for (int i = 0; i < scale.length; i++) {
            mean += values[from + i];
        }
        mean /= scale.length;
        for (int i = 0; i < scale.length; i++) {
            double centred = values[from + i] - mean;
            squares += centred * centred;
        }
        double factor = sign / Math.sqrt(squares / scale.length + epsilon);
        for (int i = 0; i < scale.length; i++) {
            sum[i] += (values[from + i] - mean) * factor * scale[i];
        }
    }

    /// What β has to grow by, channel by channel; zeros where fewer than two batches were seen.
    public double[] shift() {
        int channels = exactScale.length;
        double[] shift = new double[channels];
        int batches = sums.size();
        if (batches < LEAST_BATCHES) {
            return shift;
        }
        double rows = counts.stream().mapToLong(Long::longValue).sum();
        for (int c = 0; c < channels; c++) {
            double mean = 0;
            for (double[] sum : sums) {
                mean += sum[c] / rows;
            }
            double error = 0;
            for (int b = 0; b < batches; b++) {
                double deviation = sums.get(b)[c] - counts.get(b) * mean;
                error += deviation * deviation;
            }
            error *= batches / (batches - 1.0) / (rows * rows);
            shift[c] = mean == 0 ? 0 : mean * Math.max(0, 1 - error / (mean * mean));
        }
        return shift;
    }
}
