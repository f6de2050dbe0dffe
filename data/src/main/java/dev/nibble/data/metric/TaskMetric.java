package dev.nibble.data.metric;

import dev.nibble.data.Batch;
import dev.nibble.graph.Tensor;

/// Measures a model's output against what it should be, batch by batch.
public interface TaskMetric {
    String name();

    /// Adds the samples of a batch.
    ///
    /// @param output batch first; rows beyond the batch's size are padding and left alone
    /// @throws dev.nibble.graph.NibbleException where the output's shape or a label does not fit
    void add(Tensor output, Batch batch);

    /// Each sample's score so far, for pairing with another run over the same samples.
    Scores scores();

    default MetricResult result() {
        return scores().result(name());
    }
}
