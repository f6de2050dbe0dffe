package dev.nibble.npu.memory;

import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.work.Flow;
import dev.nibble.npu.work.Layer;
import dev.nibble.npu.work.Work;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// The activations that live at each step of the schedule, whole tensors as they lie on the device.
///
/// @param liveBytes one number a layer: activations that are still needed, and this layer's weights
/// @param peakLayer the name of the layer at which most lives
/// @param peakTensors the largest activations at that moment, by size
public record MemoryTimeline(
        List<Double> liveBytes, double peakBytes, String peakLayer, Map<String, Double> peakTensors) {
    private static final int LISTED = 5;

    public MemoryTimeline {
        liveBytes = List.copyOf(liveBytes);
    }

    public static MemoryTimeline of(Flow flow, List<Work> works, List<Precision> precisions) {
        Map<String, Integer> lastUse = new HashMap<>();
        List<Layer> layers = flow.layers();
        for (int i = 0; i < layers.size(); i++) {
            for (String input : flow.activations(layers.get(i))) {
                lastUse.put(input, i);
            }
            for (String output : layers.get(i).outputs()) {
                lastUse.putIfAbsent(output, i);
            }
        }
        flow.outputs().forEach(o -> lastUse.put(o, layers.size() - 1));
        Map<String, Double> live = new TreeMap<>();
        List<Double> bytes = new ArrayList<>();
        Map<String, Double> atPeak = Map.of();
        double peak = -1;
        String where = "";
        for (int i = 0; i < layers.size(); i++) {
            Layer layer = layers.get(i);
            double width = precisions.get(i).activationBytes();
            for (String value : flow.activations(layer)) {
                live.putIfAbsent(value, flow.value(value).padded(4) * width);
            }
            for (String value : layer.outputs()) {
                live.put(value, flow.value(value).padded(32) * width);
            }
            double now = works.get(i).weights() * precisions.get(i).weightBytes();
            for (double part : live.values()) {
                now += part;
            }
            bytes.add(now);
            if (now > peak) {
                peak = now;
                where = layer.name();
                atPeak = new TreeMap<>(live);
            }
            int step = i;
            live.keySet().removeIf(v -> lastUse.getOrDefault(v, step) <= step);
        }
        Map<String, Double> largest = new java.util.LinkedHashMap<>();
        atPeak.entrySet().stream()
                .sorted(Map.Entry.<String, Double>comparingByValue(Comparator.reverseOrder())
                        .thenComparing(Map.Entry.comparingByKey()))
                .limit(LISTED)
                .forEach(e -> largest.put(e.getKey(), e.getValue()));
        return new MemoryTimeline(bytes, Math.max(0, peak), where, largest);
    }
}
