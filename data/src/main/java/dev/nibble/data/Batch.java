package dev.nibble.data;

import dev.nibble.graph.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Consecutive samples, ready to be fed to a model. Its memory is overwritten by the next batch but one and freed by
/// [Batches#close]; it is valid until [Batches#next] is called again.
///
/// @param first index, within the data set, of the first sample
/// @param size samples that count. A model with a fixed batch gets full tensors all the same: the rows after `size`
///     repeat the last sample
/// @param inputs a dense off-heap tensor for each input of the model, in the model's order
/// @param labels `size` labels; empty where the data set has none
public record Batch(long first, int size, Map<String, Tensor> inputs, List<Label> labels) {
    public Batch {
        labels = List.copyOf(labels);
    }

    /// The label of sample `row` of this batch.
    public Optional<Label> label(int row) {
        return labels.isEmpty() ? Optional.empty() : Optional.of(labels.get(row));
    }
}
