package dev.nibble.data.metric;

import dev.nibble.data.Label;
import dev.nibble.graph.Tensor;
import java.util.BitSet;
import java.util.List;

/// Share of samples whose class is among the `k` highest scores.
public final class TopK implements TaskMetric {
    private final int k;

    public TopK(int k) {
        this.k = k;
    }

    @Override
    public String name() {
        return "top" + k;
    }

    @Override
    public void add(Tensor output, List<Label> labels) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Scores scores() {
        return new Scores.Binary(new BitSet(), 0);
    }
}
