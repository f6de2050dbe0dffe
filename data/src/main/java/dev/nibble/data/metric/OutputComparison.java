package dev.nibble.data.metric;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/// Compares what two models give for the same samples, without labels.
///
/// Sums are taken in double, in the samples' order. Keeps five numbers a sample, for the intervals.
///
/// The classes lie on the last axis of an output of rank up to 3, on the second of a higher rank (\[N, classes, …\]);
/// all other places are positions. A non-finite value in either output makes that sample's signal to noise, cosine and
/// divergence NaN, and the figures with it: it is never averaged away.
public final class OutputComparison {
    private double[] signal = new double[64];
    private double[] noise = new double[64];
    private double[] cosine = new double[64];
    private double[] divergence = new double[64];
    private double[] agreed = new double[64];
    private boolean shares;
    private int n;

    /// Adds a batch.
    ///
    /// @param size rows that count; further ones are padding
    /// @throws NibbleException where the shapes differ
    public void add(Tensor reference, Tensor output, int size) {
        if (!reference.shape().equals(output.shape())) {
            throw new NibbleException(
                    "the outputs have shapes %s and %s".formatted(reference.shape(), output.shape()),
                    "compare a model with its own quantized form");
        }
        int count = Rows.perSample(reference, size);
        float[] first = new float[count];
        float[] second = new float[count];
        for (int row = 0; row < size; row++) {
            Rows.read(reference, row, first);
            Rows.read(output, row, second);
            if (n == signal.length) {
                signal = Arrays.copyOf(signal, n * 2);
                noise = Arrays.copyOf(noise, n * 2);
                cosine = Arrays.copyOf(cosine, n * 2);
                divergence = Arrays.copyOf(divergence, n * 2);
                agreed = Arrays.copyOf(agreed, n * 2);
            }
            energies(first, second);
            int rank = reference.shape().rank();
            int classes = rank < 2 ? 1 : (int) reference.shape().dim(rank > 3 ? 1 : -1);
            int inner = rank > 3 ? (int) reference.shape().product(2, rank) : 1;
            classes(first, second, classes, inner);
            n++;
        }
    }

    private void energies(float[] first, float[] second) {
        double xx = 0;
        double yy = 0;
        double xy = 0;
        double error = 0;
        for (int i = 0; i < first.length; i++) {
            double x = first[i];
            double y = second[i];
            xx += x * x;
            yy += y * y;
            xy += x * y;
            error += (x - y) * (x - y);
        }
        boolean finite = Double.isFinite(xx) && Double.isFinite(yy);
        signal[n] = finite ? xx : Double.NaN;
        noise[n] = finite ? error : Double.NaN;
        boolean zero = xx == 0 || yy == 0;
        cosine[n] = !finite ? Double.NaN : zero ? (xx == yy ? 1 : 0) : clamp(xy / Math.sqrt(xx) / Math.sqrt(yy));
    }

    private static double clamp(double value) {
        return Math.max(-1, Math.min(1, value));
    }

    private void classes(float[] first, float[] second, int classes, int inner) {
        int positions = classes == 0 ? 0 : first.length / classes;
        double sum = 0;
        int same = 0;
        double[] p = new double[classes];
        double[] q = new double[classes];
        double[] weights = new double[classes];
        double[] others = new double[classes];
        for (int position = 0; position < positions; position++) {
            int start = position / inner * classes * inner + position % inner;
            int best = Rows.argMax(first, start, classes, inner);
            same += best >= 0 && best == Rows.argMax(second, start, classes, inner) ? 1 : 0;
            softmax(first, start, inner, weights, p);
            softmax(second, start, inner, others, q);
            for (int i = 0; i < classes; i++) {
                // A class that the reference rules out weighs nothing.
                sum += weights[i] == 0 ? 0 : weights[i] * (p[i] - q[i]);
            }
        }
        divergence[n] = positions == 0 ? Double.NaN : Math.max(0, sum / positions);
        agreed[n] = classes < 2 || positions == 0 ? Double.NaN : (double) same / positions;
        shares |= positions > 1;
    }

    /// Fills `weights` with the softmax of the values and `logs` with its natural logarithm. Values that are
    /// probabilities already (none negative, sum 1 within 10⁻³) are taken as they are, no logarithm below ln 10⁻¹².
    private static void softmax(float[] values, int start, int stride, double[] weights, double[] logs) {
        double highest = Double.NEGATIVE_INFINITY;
        double sum = 0;
        boolean negative = false;
        for (int i = 0; i < logs.length; i++) {
            double value = values[start + i * stride];
            logs[i] = value;
            highest = Math.max(highest, value);
            sum += value;
            negative |= value < 0;
        }
        if (!negative && logs.length > 1 && Math.abs(sum - 1) <= 1e-3) {
            for (int i = 0; i < logs.length; i++) {
                weights[i] = logs[i] / sum;
                logs[i] = Math.log(Math.max(weights[i], 1e-12));
            }
            return;
        }
        double total = 0;
        for (int i = 0; i < logs.length; i++) {
            weights[i] = Math.exp(logs[i] - highest);
            total += weights[i];
        }
        double shift = highest + Math.log(total);
        for (int i = 0; i < logs.length; i++) {
            weights[i] /= total;
            logs[i] -= shift;
        }
    }

    /// Signal to quantization noise in decibels, pooled: `10·log₁₀(Σ reference² / Σ (reference − output)²)` over all
    /// samples; infinite where the outputs are equal.
    public MetricResult sqnrDb() {
        double[][] columns = {Arrays.copyOf(signal, n), Arrays.copyOf(noise, n)};
        double[] sums = {
            Arrays.stream(columns[0]).sum(), Arrays.stream(columns[1]).sum()
        };
        return new MetricResult(
                "sqnrDb",
                n == 0 ? Double.NaN : decibels(sums),
                n,
                Bootstrap.interval(columns, OutputComparison::decibels));
    }

    private static double decibels(double[] sums) {
        return sums[1] == 0 ? Double.POSITIVE_INFINITY : 10 * Math.log10(sums[0] / sums[1]);
    }

    /// Mean over samples of the cosine between the outputs; 1 for two zero vectors, 0 for one.
    public MetricResult cosine() {
        return new Scores.Real(Arrays.copyOf(cosine, n)).result("cosine");
    }

    /// Mean over samples and positions of KL(softmax(reference) ‖ softmax(output)) in nats. Outputs that are
    /// probabilities are taken as they are.
    public MetricResult klNats() {
        return new Scores.Real(Arrays.copyOf(divergence, n)).result("klNats");
    }

    /// Mean over samples of the share of positions whose arg-max agrees. Where each sample has one position, that is the
    /// share of samples, with Wilson's interval; NaN for outputs of one class, where nothing can disagree.
    public MetricResult argmaxAgreement() {
        if (shares || Arrays.stream(agreed, 0, n).anyMatch(Double::isNaN)) {
            return new Scores.Real(Arrays.copyOf(agreed, n)).result("argmaxAgreement");
        }
        BitSet same = new BitSet();
        for (int i = 0; i < n; i++) {
            same.set(i, agreed[i] == 1);
        }
        return new Scores.Binary(same, n).result("argmaxAgreement");
    }

    /// All four.
    public List<MetricResult> results() {
        return List.of(sqnrDb(), cosine(), klNats(), argmaxAgreement());
    }
}
