package dev.nibble.data.metric;

import dev.nibble.graph.Tensor;
import java.util.List;

/// Compares what two models give for the same samples, without labels: signal to noise, cosine, KL divergence,
/// arg-max agreement.
public final class OutputComparison {
    /// Adds a batch. @param size rows that count
    public void add(Tensor reference, Tensor output, int size) {
        throw new UnsupportedOperationException();
    }

    public MetricResult sqnrDb() {
        throw new UnsupportedOperationException();
    }

    public MetricResult cosine() {
        throw new UnsupportedOperationException();
    }

    public MetricResult klNats() {
        throw new UnsupportedOperationException();
    }

    public MetricResult argmaxAgreement() {
        throw new UnsupportedOperationException();
    }

    /// All four.
    public List<MetricResult> results() {
        return List.of(sqnrDb(), cosine(), klNats(), argmaxAgreement());
    }
}
