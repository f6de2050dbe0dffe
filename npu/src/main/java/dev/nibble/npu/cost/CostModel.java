package dev.nibble.npu.cost;

import dev.nibble.npu.work.Work;

/// How long a layer takes, by one way of reckoning.
public interface CostModel {
    String name();

    LayerTime layer(Work work, Precision precision, Machine machine);

    /// What a run takes beside its layers, in microseconds.
    ///
    /// @param ioBytes the model's inputs and outputs
    double run(Machine machine, double ioBytes);

    /// The whole run, in microseconds.
    ///
    /// @param sum over the layers
    default double total(LayerTime sum, int layers, Machine machine, double ioBytes) {
        return sum.total() + run(machine, ioBytes);
    }
}
