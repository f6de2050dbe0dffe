package dev.nibble.data.metric;

import dev.nibble.data.Batch;
import dev.nibble.data.Label;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.util.BitSet;
import java.util.List;

/// Share of samples whose class is among the `k` highest scores.
///
/// The output is \[N, classes\], or has further axes of size 1. A sample is right where fewer than `k` classes have a
/// higher score, or the same score and a lower index (as arg-max takes the first). A NaN among a sample's scores makes
/// it wrong.
public final class TopK implements TaskMetric {
    private final int k;
    private final BitSet right = new BitSet();
    private final BitSet predicted = new BitSet();
    private int n;
    private long classes;

    /// @param k at least 1
    public TopK(int k) {
        if (k < 1) {
            throw new IllegalArgumentException("k must be at least 1, but was " + k);
        }
        this.k = k;
    }

    @Override
    public String name() {
        return "top" + k;
    }

    @Override
    public void add(Tensor output, Batch batch) {
        add(output, batch.labels());
    }

    /// Adds as many samples as there are `labels`.
    public void add(Tensor output, List<Label> labels) {
        int count = Rows.perSample(output, labels.size());
        long last = output.shape().rank() < 2 ? 1 : output.shape().dim(1);
        if (count < 2 || last != count) {
            throw new NibbleException(
                    "an output of shape %s is no list of classes".formatted(output.shape()),
                    "choose an output of shape [N, classes], or another --metric");
        }
        classes = count;
        float[] scores = new float[count];
        for (int row = 0; row < labels.size(); row++) {
            Label label = labels.get(row);
            if (!label.isClass() || label.classIndex() >= count) {
                throw new NibbleException(
                        "label '%s' is none of the classes 0 to %d of the output".formatted(label.text(), count - 1),
                        "check --label-column, and whether the labels start from 1 or the model has a background class");
            }
            Rows.read(output, row, scores);
            int best = Rows.argMax(scores);
            if (best >= 0) {
                predicted.set(best);
                right.set(n, rank(scores, label.classIndex()) < k);
            }
            n++;
        }
    }

    private static int rank(float[] scores, int index) {
        int rank = 0;
        for (int i = 0; i < scores.length; i++) {
            if (scores[i] > scores[index] || scores[i] == scores[index] && i < index) {
                rank++;
            }
        }
        return rank;
    }

    @Override
    public Scores scores() {
        return new Scores.Binary(right, n);
    }

    /// How many different classes came first so far; 1 over many samples is a collapsed model.
    public int predictedClasses() {
        return predicted.cardinality();
    }

    /// Whether the accuracy cannot be told from guessing among the output's classes ([Proportion#atChance], with
    /// `k/classes` as the chance).
    public boolean atChance() {
        return n > 0 && classes > k && Proportion.wilson(right.cardinality(), n).low() <= (double) k / classes;
    }
}
