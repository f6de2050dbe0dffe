package dev.nibble.quant.place;

/// How finely weights are wanted to be scaled; which axis that means depends on the operator.
public sealed interface WeightGranularity {
    /// One scale for each weight tensor.
    record PerTensor() implements WeightGranularity {}

    /// One scale for each output channel, where the target has it for the operator.
    record PerChannel() implements WeightGranularity {}

    /// One scale for `size` neighbours along the input channels, where the target has it for the operator;
    /// per channel elsewhere.
    record PerBlock(int size) implements WeightGranularity {
        public PerBlock {
            if (size < 1) {
                throw new IllegalArgumentException("block size must be at least 1, but was " + size);
            }
        }
    }

    WeightGranularity TENSOR = new PerTensor();
    WeightGranularity CHANNEL = new PerChannel();
}
