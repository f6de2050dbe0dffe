package dev.nibble.npu;

import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.npu.Estimate.FusionGain;
import dev.nibble.npu.Estimate.LayerEstimate;
import dev.nibble.npu.cost.Calibrated;
import dev.nibble.npu.cost.CostModel;
import dev.nibble.npu.cost.LayerTime;
import dev.nibble.npu.cost.LayerTime.Bottleneck;
import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.cost.Machines;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.fit.ModelWork;
import dev.nibble.npu.fuse.FuseLayers;
import dev.nibble.npu.fuse.FuseLayers.Match;
import dev.nibble.npu.fuse.FusionRule;
import dev.nibble.npu.memory.MemoryTimeline;
import dev.nibble.npu.memory.Tile;
import dev.nibble.npu.work.CountWork;
import dev.nibble.npu.work.Flow;
import dev.nibble.npu.work.Layer;
import dev.nibble.npu.work.ReadFlow;
import dev.nibble.npu.work.Work;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Estimates how long a model takes on a target, layer by layer.
///
/// @param machine what to compute with: the target's, perhaps with numbers of the user's
/// @param calibration what the target's file says beside
/// @param compression what bandwidth compression (DLBC) leaves of activations that spill; 1 without it. Assumed, not
///     measured
public record Estimator(Machine machine, Machines calibration, CostModel model, String runtime, double compression) {

    /// @param path what the result calls the model
    /// @throws NibbleException where shapes are not known, or there is nothing to estimate
    public Estimate estimate(String path, Model onnx, LayerPrecisions precisions) {
        Flow read = ReadFlow.of(onnx.graph());
        List<FusionRule> rules = FusionRule.all();
        FuseLayers.Result fused = FuseLayers.apply(read, rules);
        Flow flow = fused.flow();
        List<Work> works = CountWork.of(flow);
        List<Precision> widths =
                flow.layers().stream().map(l -> precisions.of(flow, l)).toList();
        List<LayerTime> times = new ArrayList<>();
        LayerTime sum = new LayerTime(0, 0, 0, 0, 0, 0, 0);
        for (int i = 0; i < works.size(); i++) {
            LayerTime time = compressed(model.layer(works.get(i), widths.get(i), machine));
            times.add(time);
            sum = plus(sum, time);
        }
        double ioBytes = ModelWork.ioElements(flow)
                * widths.stream().mapToDouble(Precision::activationBytes).max().orElse(1);
        double runtimeMicros = calibration.runtimeMicros(runtime).orElse(0.0);
        double total = model.total(sum, works.size(), machine, ioBytes) + runtimeMicros;
        Precision leading = leading(works, widths, precisions.otherwise());
        String kind = Machines.kind(ModelWork.isAttention(flow), leading);
        Machines.Interval interval = calibration.interval(kind);
        List<LayerEstimate> layers = layers(flow, works, widths, times, total);
        List<FusionGain> gains = gains(fused, read, precisions);
        MemoryTimeline memory = MemoryTimeline.of(flow, works, widths);
        double gops = works.stream().mapToDouble(w -> 2.0 * w.macs()).sum() / 1e9;
        double bytes = layers.stream().mapToDouble(LayerEstimate::bytes).sum();
        Map<Bottleneck, Integer> counts = new EnumMap<>(Bottleneck.class);
        times.stream()
                .filter(t -> t.bottleneck() != Bottleneck.NONE)
                .forEach(t -> counts.merge(t.bottleneck(), 1, Integer::sum));
        double runMicros = total - sum.total();
        List<String> said = new ArrayList<>();
        if (calibration.runtimeMicros(runtime).isEmpty()) {
            said.add("what runtime '" + runtime + "' adds on " + machine.name()
                    + " was not measured: taken for nothing");
        }
        if (compression < 1) {
            said.add("bandwidth compression is assumed to leave %.0f %% of what spills; that is not measured"
                    .formatted(100 * compression));
        }
        boolean stands = model instanceof Calibrated;
        return new Estimate(
                path,
                machine.name(),
                widths.stream().distinct().count() > 1 ? "mixed" : leading.label(),
                runtime,
                model.name(),
                total,
                stands ? total * interval.low() : total * 0.5,
                stands ? total * interval.high() : total * 3,
                stands
                        ? "four of five held-out measurements of models of this kind (" + kind.replace('_', ' ') + ")"
                        : "the " + model.name() + " model has no calibrated error",
                runMicros,
                gops,
                bytes / 1e6,
                2 * ridge(leading),
                counts,
                layers,
                gains,
                fused.nearMisses(),
                memory,
                Findings.of(flow, works, widths, times, total, this, memory, fused.nearMisses(), runMicros),
                said);
    }

    /// The total of [#estimate] alone, which is all that comparing variants of a model asks for.
    public double totalMicros(Model onnx, LayerPrecisions precisions) {
        Flow flow =
                FuseLayers.apply(ReadFlow.of(onnx.graph()), FusionRule.all()).flow();
        List<Work> works = CountWork.of(flow);
        LayerTime sum = new LayerTime(0, 0, 0, 0, 0, 0, 0);
        double width = 1;
        for (int i = 0; i < works.size(); i++) {
            Precision precision = precisions.of(flow, flow.layers().get(i));
            width = i == 0 ? precision.activationBytes() : Math.max(width, precision.activationBytes());
            sum = plus(sum, compressed(model.layer(works.get(i), precision, machine)));
        }
        return model.total(sum, works.size(), machine, ModelWork.ioElements(flow) * width)
                + calibration.runtimeMicros(runtime).orElse(0.0);
    }

    /// What concatenations take to bring their parts to one scale, where activations are quantized.
    public double rescalingMicros(Model onnx, LayerPrecisions precisions) {
        Flow flow =
                FuseLayers.apply(ReadFlow.of(onnx.graph()), FusionRule.all()).flow();
        List<Work> works = CountWork.of(flow);
        double bytes = 0;
        for (int i = 0; i < works.size(); i++) {
            Precision precision = precisions.of(flow, flow.layers().get(i));
            bytes += precision.floating() ? 0 : works.get(i).requantized() * precision.activationBytes();
        }
        return bytes / (machine.get(Parameter.NORMALIZATION_GBS) * 1e3);
    }

    /// MACs per byte at which compute and memory take equally long.
    private double ridge(Precision precision) {
        return machine.get(precision.matrixRate()) * 1e3 / machine.get(Parameter.MEMORY_GBS) / 2;
    }

    private LayerTime compressed(LayerTime time) {
        if (compression >= 1 || time.spilledBytes() == 0) {
            return time;
        }
        double saved = (1 - compression) * time.spilledBytes();
        double micros = saved / (machine.get(Parameter.MEMORY_GBS) * 1e3);
        return new LayerTime(
                time.matrix(),
                time.vector(),
                time.memory() - micros,
                time.overhead(),
                time.total() - micros,
                time.bytes() - saved,
                time.spilledBytes() - saved);
    }

    private static LayerTime plus(LayerTime a, LayerTime b) {
        return new LayerTime(
                a.matrix() + b.matrix(),
                a.vector() + b.vector(),
                a.memory() + b.memory(),
                a.overhead() + b.overhead(),
                a.total() + b.total(),
                a.bytes() + b.bytes(),
                a.spilledBytes() + b.spilledBytes());
    }

    private static Precision leading(List<Work> works, List<Precision> widths, Precision otherwise) {
        Map<Precision, Double> macs = new EnumMap<>(Precision.class);
        for (int i = 0; i < works.size(); i++) {
            macs.merge(widths.get(i), works.get(i).macs() + 1.0, Double::sum);
        }
        return macs.entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .map(Map.Entry::getKey)
                .orElse(otherwise);
    }

    /// Weights, inputs and outputs of a layer, each once.
    private static double bytes(Work work, Precision precision) {
        return work.free()
                ? 0
                : work.weights() * precision.weightBytes()
                        + (work.adjacent() + work.skipped() + work.entering() + work.written())
                                * precision.activationBytes();
    }

    private List<LayerEstimate> layers(
            Flow flow, List<Work> works, List<Precision> widths, List<LayerTime> times, double total) {
        List<LayerEstimate> layers = new ArrayList<>();
        for (int i = 0; i < works.size(); i++) {
            Layer layer = flow.layers().get(i);
            Work work = works.get(i);
            LayerTime time = times.get(i);
            Precision precision = widths.get(i);
            double bytes = bytes(work, precision);
            Tile tile = work.free() ? null : Tile.of(flow, layer, work, precision, machine.vtcmMb() * 1e6, compression);
            double peak = machine.get(precision.matrixRate()) * 1e6;
            double utilization = time.total() <= 0
                    ? 0
                    : work.macs() > 0 ? 2.0 * work.macs() / peak / time.total() : time.memory() / time.total();
            layers.add(row(layer.name(), layer.type(), null, precision, work, bytes, time, total, utilization, tile));
            for (Node node : layer.nodes()) {
                if (layer.nodes().size() > 1 && !node.label().equals(layer.name())) {
                    layers.add(row(
                            node.label(),
                            node.opType(),
                            layer.name(),
                            precision,
                            null,
                            0,
                            new LayerTime(0, 0, 0, 0, 0, 0, 0),
                            total,
                            0,
                            null));
                }
            }
        }
        return layers;
    }

    private static double elements(Work work) {
        double touched = work.normalizedPixels() * 3;
        for (double elements : work.vector().values()) {
            touched += elements;
        }
        return touched;
    }

    private static LayerEstimate row(
            String name,
            String op,
            @Nullable String fusedInto,
            Precision precision,
            @Nullable Work work,
            double bytes,
            LayerTime time,
            double total,
            double utilization,
            @Nullable Tile tile) {
        return new LayerEstimate(
                name,
                op,
                fusedInto,
                precision.label(),
                work == null ? 0 : work.macs(),
                work == null ? 0 : elements(work),
                bytes,
                time.total(),
                total > 0 ? time.total() / total : 0,
                time.matrix(),
                time.vector(),
                time.memory(),
                time.overhead(),
                time.bottleneck(),
                Math.min(1, utilization),
                time.spilledBytes(),
                tile);
    }

    /// What each match saves: the time of its parts one by one against that of the whole.
    private List<FusionGain> gains(FuseLayers.Result fused, Flow read, LayerPrecisions precisions) {
        List<FusionGain> gains = new ArrayList<>();
        Flow before = read;
        Map<String, LayerTime> parts = times(before, precisions);
        int at = 0;
        List<Match> matches = fused.matches();
        while (at < matches.size()) {
            FuseLayers.Stage stage = fused.stages().get(matches.get(at).stage());
            Map<String, LayerTime> wholes = times(stage.after(), precisions);
            Map<String, String> ownerBefore = owners(before);
            int stageIndex = matches.get(at).stage();
            for (; at < matches.size() && matches.get(at).stage() == stageIndex; at++) {
                Match match = matches.get(at);
                Set<String> counted = new HashSet<>();
                double apart = 0;
                double spillApart = 0;
                for (String node : match.nodes()) {
                    String owner = ownerBefore.getOrDefault(node, node);
                    LayerTime time = parts.get(owner);
                    if (time != null && counted.add(owner)) {
                        apart += time.total();
                        spillApart += time.spilledBytes();
                    }
                }
                LayerTime whole = wholes.getOrDefault(match.layer(), new LayerTime(0, 0, 0, 0, 0, 0, 0));
                double traffic = 0;
                for (String value : match.intermediates()) {
                    traffic += 2
                            * read.value(value).padded(32)
                            * precisions.otherwise().activationBytes();
                }
                gains.add(new FusionGain(
                        match.rule().name(),
                        match.layer(),
                        match.nodes(),
                        apart,
                        whole.total(),
                        traffic,
                        Math.max(0, spillApart - whole.spilledBytes()),
                        match.rule().folklorePercent()));
            }
            before = stage.after();
            parts = wholes;
        }
        return gains;
    }

    private static Map<String, String> owners(Flow flow) {
        Map<String, String> owners = new HashMap<>();
        flow.layers().forEach(l -> l.nodes().forEach(n -> owners.put(n.label(), l.name())));
        return owners;
    }

    private Map<String, LayerTime> times(Flow flow, LayerPrecisions precisions) {
        List<Work> works = CountWork.of(flow);
        Map<String, LayerTime> times = new HashMap<>();
        for (int i = 0; i < works.size(); i++) {
            Layer layer = flow.layers().get(i);
            times.put(layer.name(), model.layer(works.get(i), precisions.of(flow, layer), machine));
        }
        return times;
    }
}
