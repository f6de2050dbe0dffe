package dev.nibble.data.metric;

import dev.nibble.data.Batch;
import dev.nibble.data.Label;
import dev.nibble.data.TextOptions.Pooling;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.util.Arrays;
import java.util.function.LongToIntFunction;
import org.jspecify.annotations.Nullable;

/// How well the cosine of two sentences' embeddings follows how alike people found them: Spearman's rank correlation
/// over pairs, as on STS-B. Samples 2k and 2k+1 are a pair.
///
/// The output is \[N, tokens, features\], which is pooled, or \[N, features\].
public final class SentencePairs implements TaskMetric {
    private final Pooling pooling;
    private final LongToIntFunction lengths;
    private double[] cosines = new double[256];
    private double[] wanted = new double[256];
    private int n;
    private double @Nullable [] first;

    /// @param lengths tokens of a sample that count, by its number in the data set
    public SentencePairs(Pooling pooling, LongToIntFunction lengths) {
        this.pooling = pooling;
        this.lengths = lengths;
    }

    @Override
    public String name() {
        return "spearman";
    }

    @Override
    public void add(Tensor output, Batch batch) {
        int rank = output.shape().rank();
        if (rank != 2 && rank != 3) {
            throw new NibbleException(
                    "an output of shape %s is no embedding".formatted(output.shape()),
                    "choose a model whose output is [N, tokens, features] or [N, features], or another --metric");
        }
        for (int row = 0; row < batch.size(); row++) {
            double[] embedding = embedding(output, row, lengths.applyAsInt(batch.first() + row));
            if (first == null) {
                first = embedding;
            } else {
                store(cosine(first, embedding), number(batch.labels().get(row)));
                first = null;
            }
        }
    }

    private double[] embedding(Tensor output, int row, int length) {
        boolean sequence = output.shape().rank() == 3;
        int tokens = sequence ? (int) output.shape().dim(1) : 1;
        int features = (int) output.shape().dim(-1);
        int pooled = sequence && pooling == Pooling.MEAN ? Math.min(length, tokens) : 1;
        double[] sum = new double[features];
        for (int t = 0; t < pooled; t++) {
            long at = ((long) row * tokens + t) * features;
            for (int f = 0; f < features; f++) {
                sum[f] += output.floatAt(at + f);
            }
        }
        return sum;
    }

    private static double cosine(double[] a, double[] b) {
        double product = 0;
        double squareA = 0;
        double squareB = 0;
        for (int i = 0; i < a.length; i++) {
            product += a[i] * b[i];
            squareA += a[i] * a[i];
            squareB += b[i] * b[i];
        }
        double norm = Math.sqrt(squareA * squareB);
        return norm == 0 ? 0 : product / norm;
    }

    private static double number(Label label) {
        try {
            return Double.parseDouble(label.text().strip());
        } catch (NumberFormatException e) {
            throw new NibbleException(
                    "label '%s' is no number".formatted(label.text()),
                    "name the column of the scores with --label-column",
                    e);
        }
    }

    private void store(double cosine, double score) {
        if (n == cosines.length) {
            cosines = Arrays.copyOf(cosines, 2 * n);
            wanted = Arrays.copyOf(wanted, 2 * n);
        }
        cosines[n] = cosine;
        wanted[n] = score;
        n++;
    }

    @Override
    public Scores scores() {
        return new Scores.Ranking(Arrays.copyOf(cosines, n), Arrays.copyOf(wanted, n));
    }
}
