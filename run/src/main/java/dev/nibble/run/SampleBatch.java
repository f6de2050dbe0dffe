package dev.nibble.run;

import dev.nibble.graph.Tensor;
import java.util.Map;

/// Consecutive samples to run at once.
///
/// @param first index of the first sample
/// @param samples how many count, at least 1; where the tensors hold more rows than that, the rest is padding
/// @param inputs a tensor for each input of the model
public record SampleBatch(long first, int samples, Map<String, Tensor> inputs) {
    public SampleBatch {
        if (samples < 1) {
            throw new IllegalArgumentException("samples must be at least 1, but was " + samples);
        }
    }

    /// The rows that the inputs hold: the leading dimension that they share, else [#samples].
    int rows() {
        long rows = -1;
        for (Tensor input : inputs.values()) {
            long leading = input.shape().rank() == 0 ? -1 : input.shape().dim(0);
            if (leading < samples || rows >= 0 && leading != rows) {
                return samples;
            }
            rows = leading;
        }
        return rows < 0 ? samples : (int) rows;
    }
}
