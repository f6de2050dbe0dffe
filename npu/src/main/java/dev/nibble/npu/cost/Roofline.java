package dev.nibble.npu.cost;

import dev.nibble.npu.work.Work;

/// The plain roofline: each layer takes the longer of its operations at the peak and its bytes at the bandwidth;
/// nothing stays on the chip, and nothing else costs anything. Vector work is not counted.
public final class Roofline implements CostModel {
    @Override
    public String name() {
        return "roofline";
    }

    @Override
    public LayerTime layer(Work work, Precision precision, Machine machine) {
        if (work.free()) {
            return new LayerTime(0, 0, 0, 0, 0, 0, 0);
        }
        double activations =
                (work.adjacent() + work.skipped() + work.entering() + work.written()) * precision.activationBytes();
        double bytes = work.weights() * precision.weightBytes() + activations;
        double matrix = 2.0 * work.macs() / (machine.get(precision.matrixRate()) * 1e6);
        double memory = bytes / (machine.get(Parameter.MEMORY_GBS) * 1e3);
        return new LayerTime(matrix, 0, memory, 0, Math.max(matrix, memory), bytes, activations);
    }

    @Override
    public double run(Machine machine, double ioBytes) {
        return 0;
    }
}
