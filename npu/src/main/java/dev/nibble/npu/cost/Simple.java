package dev.nibble.npu.cost;

import dev.nibble.npu.work.Work;

/// The longer of all compute and all memory traffic, plus what scheduling costs. Weights are read once; activations
/// stay on the chip.
public final class Simple implements CostModel {
    private final Calibrated calibrated = new Calibrated();

    @Override
    public String name() {
        return "simple";
    }

    @Override
    public LayerTime layer(Work work, Precision precision, Machine machine) {
        LayerTime full = calibrated.layer(work, precision, machine);
        double bytes = full.bytes() - full.spilledBytes();
        double memory = bytes / (machine.get(Parameter.MEMORY_GBS) * 1e3);
        double compute = full.matrix() + full.vector();
        return new LayerTime(
                full.matrix(),
                full.vector(),
                memory,
                full.overhead(),
                full.overhead() + Math.max(compute, memory),
                bytes,
                0);
    }

    @Override
    public double run(Machine machine, double ioBytes) {
        return calibrated.run(machine, ioBytes);
    }

    @Override
    public double total(LayerTime sum, int layers, Machine machine, double ioBytes) {
        return Math.max(sum.matrix() + sum.vector(), sum.memory()) + sum.overhead() + run(machine, ioBytes);
    }
}
