package dev.nibble.data.metric;

import dev.nibble.data.Batch;
import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.LongToIntFunction;

/// Cross-entropy of a language model's next token, in nats, over all tokens of all samples but each one's first; or its
/// exponential, the perplexity. Padding does not count.
///
/// The output is \[N, tokens, vocabulary\]: scores (not probabilities) of what follows each token.
public final class NextTokenLoss implements TaskMetric {
    /// What is told.
    public enum Unit {
        NATS,
        PERPLEXITY
    }

    private final Unit unit;
    private final String input;
    private final LongToIntFunction lengths;
    private double[] sums = new double[256];
    private double[] weights = new double[256];
    private int n;

    /// @param input the model's input that holds the token ids
    /// @param lengths tokens of a sample that count, by its number in the data set
    public NextTokenLoss(Unit unit, String input, LongToIntFunction lengths) {
        this.unit = unit;
        this.input = input;
        this.lengths = lengths;
    }

    @Override
    public String name() {
        return switch (unit) {
            case NATS -> "nextTokenLoss";
            case PERPLEXITY -> "perplexity";
        };
    }

    @Override
    public void add(Tensor output, Batch batch) {
        Tensor ids = batch.inputs().get(input);
        if (ids == null
                || output.type() != DataType.FLOAT
                || output.shape().rank() != 3
                || output.shape().dim(0) != ids.shape().dim(0)
                || output.shape().dim(1) != ids.shape().dim(1)) {
            throw new NibbleException(
                    "an output of shape %s is no scores of the next token".formatted(output.shape()),
                    "choose a model whose output is [N, tokens, vocabulary], or another --metric");
        }
        int tokens = (int) output.shape().dim(1);
        int vocabulary = (int) output.shape().dim(2);
        float[] scores = new float[vocabulary];
        for (int row = 0; row < batch.size(); row++) {
            int count = Math.min(tokens, lengths.applyAsInt(batch.first() + row));
            double sum = 0;
            for (int t = 0; t + 1 < count; t++) {
                long next = id(ids, (long) row * tokens + t + 1);
                if (next < 0 || next >= vocabulary) {
                    throw new NibbleException(
                            "sample %d: token id %d is none of the %d that the model knows"
                                    .formatted(batch.first() + row, next, vocabulary),
                            "use the tokenizer that belongs to the model");
                }
                long at = ((long) row * tokens + t) * vocabulary;
                MemorySegment.copy(output.data(), Tensor.FLOAT_LE, at * 4, scores, 0, vocabulary);
                sum += logSumExp(scores) - scores[(int) next];
            }
            store(sum, Math.max(0, count - 1));
        }
    }

    private static long id(Tensor ids, long index) {
        return ids.type() == DataType.INT64 ? ids.longAt(index) : (long) ids.floatAt(index);
    }

    private static double logSumExp(float[] scores) {
        double most = Double.NEGATIVE_INFINITY;
        for (float score : scores) {
            most = Math.max(most, score);
        }
        double sum = 0;
        for (float score : scores) {
            sum += Math.exp(score - most);
        }
        return most + Math.log(sum);
    }

    private void store(double sum, double weight) {
        if (n == sums.length) {
            sums = Arrays.copyOf(sums, 2 * n);
            weights = Arrays.copyOf(weights, 2 * n);
        }
        sums[n] = sum;
        weights[n] = weight;
        n++;
    }

    @Override
    public Scores scores() {
        return new Scores.Ratio(Arrays.copyOf(sums, n), Arrays.copyOf(weights, n), unit == Unit.PERPLEXITY);
    }
}
