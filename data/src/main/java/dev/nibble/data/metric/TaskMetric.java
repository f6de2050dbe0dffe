package dev.nibble.data.metric;

import dev.nibble.data.Label;
import dev.nibble.graph.Tensor;
import java.util.List;

/// Measures a model's output against labels, batch by batch.
public interface TaskMetric {
    String name();

    /// Adds the samples of a batch.
    ///
    /// @param output batch first; rows beyond `labels.size()` are padding and left alone
    /// @throws dev.nibble.graph.NibbleException where the output's shape or a label does not fit
    void add(Tensor output, List<Label> labels);

    /// Each sample's score so far, for pairing with another run over the same samples.
    Scores scores();

    default MetricResult result() {
        return scores().result(name());
    }
}
