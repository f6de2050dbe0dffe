package dev.nibble.run;

import dev.nibble.graph.Tensor;

/// Takes in the tensors of a model that runs over samples.
@FunctionalInterface
public interface TensorConsumer {
    /// @param value the tensor's name
    /// @param tensor valid only during the call
    /// @param firstSample index of the first sample it was computed from
    /// @param samples from how many consecutive samples it was computed. Where its leading dimension is that
    ///     number, its rows belong to one sample each
    void accept(String value, Tensor tensor, long firstSample, int samples);
}
