package dev.nibble.data.metric;

import dev.nibble.data.Batch;
import dev.nibble.data.Label;
import dev.nibble.graph.Tensor;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/// Accuracy of recognised text lines. Texts are compared as they are: no case folding, no stripping.
public final class TextAccuracy implements TaskMetric {
    /// What counts.
    public enum Unit {
        /// `1 − d / max(|read|, |label|)` a line, d Levenshtein's distance, lengths in code points; 1 where both are
        /// empty. The value is the mean over lines.
        CHARACTER,
        /// Whether the whole line equals its label.
        WORD
    }

    private final Unit unit;
    private final CtcDecoder decoder;
    private final BitSet right = new BitSet();
    private double[] scores = new double[256];
    private int n;

    public TextAccuracy(Unit unit, CtcDecoder decoder) {
        this.unit = unit;
        this.decoder = decoder;
    }

    @Override
    public String name() {
        return switch (unit) {
            case CHARACTER -> "characterAccuracy";
            case WORD -> "wordAccuracy";
        };
    }

    @Override
    public void add(Tensor output, Batch batch) {
        add(output, batch.labels());
    }

    /// Adds as many samples as there are `labels`.
    public void add(Tensor output, List<Label> labels) {
        Rows.perSample(output, labels.size());
        for (int row = 0; row < labels.size(); row++) {
            add(decoder.decode(output, row), labels.get(row).text());
        }
    }

    /// Adds a line that was read elsewhere.
    public void add(String read, String label) {
        switch (unit) {
            case WORD -> right.set(n, read.equals(label));
            case CHARACTER -> {
                if (n == scores.length) {
                    scores = Arrays.copyOf(scores, n * 2);
                }
                scores[n] = characterAccuracy(read, label);
            }
        }
        n++;
    }

    /// The score of one line; see [Unit#CHARACTER].
    public static double characterAccuracy(String read, String label) {
        int longer = Math.max(read.codePointCount(0, read.length()), label.codePointCount(0, label.length()));
        return longer == 0 ? 1 : 1 - (double) EditDistance.between(read, label) / longer;
    }

    @Override
    public Scores scores() {
        return switch (unit) {
            case CHARACTER -> new Scores.Real(Arrays.copyOf(scores, n));
            case WORD -> new Scores.Binary(right, n);
        };
    }
}
