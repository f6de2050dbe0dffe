package dev.nibble.npu.cost;

import static dev.nibble.npu.cost.Parameter.*;

import dev.nibble.npu.work.VectorKind;
import dev.nibble.npu.work.Work;
import java.util.Map;

/// The model that is fitted to measurements:
///
/// `T = run + io + Σ layers (overhead + compute + memory + pixels)`, where `compute` is matrix plus vector time and
/// `memory` weights plus spilled activations over the effective rate of the memory.
///
/// The general form overlaps the two, `max(c, m) + γ·min(c, m)`. Fits on measurements push γ beyond 1, so it stands
/// at 1: nothing overlaps inside a layer that the effective rate of the memory does not say already.
public final class Calibrated implements CostModel {
    /// How much of the lesser of compute and memory shows; see the class.
    static final double OVERLAP = 1.0;

    /// A pixel is normalized in two passes, a subtraction and a division, each over 32 channels; a quantized
    /// normalization per channel takes one pass of the same kind.
    private static final double PIXEL_ELEMENTS = 64;
    private static final double BYTES_PER_US = 1e3;
    private static final double OPERATIONS_PER_US = 1e6;
    private static final Map<VectorKind, Parameter> RATES = Map.of(
            VectorKind.ELEMENTWISE, ELEMENTWISE_GBS,
            VectorKind.FUNCTION, FUNCTION_GBS,
            VectorKind.NORMALIZATION, NORMALIZATION_GBS,
            VectorKind.MOVEMENT, MOVEMENT_GBS,
            VectorKind.POOLING, POOLING_GBS,
            VectorKind.RESIZE, RESIZE_GBS,
            VectorKind.SELECTION, SELECTION_GBS,
            VectorKind.DEPTHWISE, DEPTHWISE_GBS);

    @Override
    public String name() {
        return "calibrated";
    }

    @Override
    public LayerTime layer(Work work, Precision precision, Machine machine) {
        if (work.free()) {
            return new LayerTime(0, 0, 0, 0, 0, 0, 0);
        }
        double width = precision.activationBytes();
        double matrix = 2 * work.paddedMacs() / (machine.get(precision.matrixRate()) * OPERATIONS_PER_US);
        double pixels = work.normalizedPixels() + (precision.floating() ? 0 : work.perChannel() / PIXEL_ELEMENTS);
        double vector = pixels * machine.get(PIXEL_NS) / 1e3;
        for (Map.Entry<VectorKind, Double> entry : work.vector().entrySet()) {
            Parameter rate = RATES.get(entry.getKey());
            if (rate != null) {
                vector += entry.getValue() * width / (machine.get(rate) * BYTES_PER_US);
            }
        }
        // What is brought to another scale is read, multiplied and written: as slowly as a normalization.
        vector +=
                precision.floating() ? 0 : work.requantized() * width / (machine.get(NORMALIZATION_GBS) * BYTES_PER_US);
        vector *= precision.floating() ? machine.get(VECTOR_FLOAT) : 1;
        double spilled = spilledBytes(work, precision, machine);
        double bytes = work.weights() * precision.weightBytes() + spilled;
        double memory = bytes / (machine.get(MEMORY_GBS) * BYTES_PER_US);
        double overhead = (machine.get(LAYER_US) + machine.get(BARRIER_US) * work.barriers())
                * (width > 1 ? machine.get(LAYER_WIDE) : 1);
        double compute = matrix + vector;
        double total = overhead + Math.max(compute, memory) + OVERLAP * Math.min(compute, memory);
        return new LayerTime(matrix, vector, memory, overhead, total, bytes, spilled);
    }

    /// What of a layer's inputs goes out to memory and comes back: a fraction of what exceeds its share of VTCM.
    public static double spilledBytes(Work work, Precision precision, Machine machine) {
        double resident = machine.get(RESIDENT_MB) * 1e6 * machine.vtcmMb() / 8;
        double width = precision.activationBytes();
        return 2 * machine.get(SPILL_ADJACENT) * Math.max(0, work.adjacent() * width - resident)
                + 2 * machine.get(SPILL_SKIPPED) * Math.max(0, work.skipped() * width - resident);
    }

    @Override
    public double run(Machine machine, double ioBytes) {
        return machine.get(RUN_US) + ioBytes / (machine.get(IO_GBS) * BYTES_PER_US);
    }
}
