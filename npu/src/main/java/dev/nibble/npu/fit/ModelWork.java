package dev.nibble.npu.fit;

import dev.nibble.graph.Model;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.LayerTime;
import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.fuse.FuseLayers;
import dev.nibble.npu.fuse.FusionRule;
import dev.nibble.npu.work.CountWork;
import dev.nibble.npu.work.Flow;
import dev.nibble.npu.work.Layer;
import dev.nibble.npu.work.ReadFlow;
import dev.nibble.npu.work.VectorKind;
import dev.nibble.npu.work.Work;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/// A model's work added up, which gives the same time as layer by layer (the calibrated model is linear but for what
/// spills) and is a hundred times faster: what fits and cross-validations run on.
///
/// @param sum over the layers, without what may spill
/// @param layers those that run
/// @param large the layers whose inputs may not stay on the chip
/// @param ioElements the model's inputs and outputs
/// @param attention whether the model multiplies two computed tensors
public record ModelWork(Work sum, int layers, List<Work> large, double ioElements, boolean attention) {
    /// No chip keeps so little that a layer with fewer elements spills.
    private static final double SMALL_ELEMENTS = 1e4;

    private static final Calibrated MODEL = new Calibrated();

    public ModelWork {
        large = List.copyOf(large);
    }

    public static ModelWork of(Model model) {
        Flow flow =
                FuseLayers.apply(ReadFlow.of(model.graph()), FusionRule.all()).flow();
        return of(flow, CountWork.of(flow));
    }

    public static ModelWork of(Flow flow, List<Work> works) {
        long macs = 0;
        double matrix = 0;
        double weights = 0;
        double pixels = 0;
        double perChannel = 0;
        double requantized = 0;
        int barriers = 0;
        int layers = 0;
        Map<VectorKind, Double> vector = new EnumMap<>(VectorKind.class);
        for (Work work : works) {
            if (work.free()) {
                continue;
            }
            layers++;
            macs += work.macs();
            matrix += work.paddedMacs();
            weights += work.weights();
            pixels += work.normalizedPixels();
            perChannel += work.perChannel();
            requantized += work.requantized();
            barriers += work.barriers();
            work.vector().forEach((kind, elements) -> vector.merge(kind, elements, Double::sum));
        }
        Work sum = new Work(
                macs,
                matrix,
                vector,
                weights,
                0,
                0,
                0,
                0,
                0,
                pixels,
                perChannel,
                requantized,
                barriers,
                layers == 0,
                List.of());
        List<Work> large = works.stream()
                .filter(w -> !w.free() && Math.max(w.adjacent(), w.skipped()) > SMALL_ELEMENTS)
                .toList();
        return new ModelWork(sum, layers, large, ioElements(flow), isAttention(flow));
    }

    /// The elements of the model's inputs and outputs.
    public static double ioElements(Flow flow) {
        double elements = 0;
        java.util.Set<String> seen = new java.util.HashSet<>(flow.outputs());
        for (Layer layer : flow.layers()) {
            for (String input : flow.activations(layer)) {
                if (flow.producer(input) == null) {
                    seen.add(input);
                }
            }
        }
        for (String name : seen) {
            elements += flow.value(name).elements();
        }
        return elements;
    }

    /// Whether `flow` multiplies two computed tensors.
    public static boolean isAttention(Flow flow) {
        return flow.layers().stream().anyMatch(l -> l.type().equals("Attention"));
    }

    /// A run, in microseconds.
    public double micros(Precision precision, Machine machine) {
        LayerTime time = MODEL.layer(sum, precision, machine);
        double width = precision.activationBytes();
        double overhead = Math.max(0, layers - 1)
                * machine.get(Parameter.LAYER_US)
                * (width > 1 ? machine.get(Parameter.LAYER_WIDE) : 1);
        double spilled = 0;
        for (Work work : large) {
            spilled += Calibrated.spilledBytes(work, precision, machine);
        }
        return time.total()
                + overhead
                + spilled / (machine.get(Parameter.MEMORY_GBS) * 1e3)
                + MODEL.run(machine, ioElements * width);
    }
}
