package dev.nibble.npu.profile;

import dev.nibble.npu.Estimate;
import dev.nibble.npu.Estimate.LayerEstimate;
import dev.nibble.npu.profile.Profile.NodeTime;
import dev.nibble.npu.profile.Profile.Offloaded;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Puts beside a profile what other files know of its nodes.
public final class JoinProfiles {
    private JoinProfiles() {}

    /// The operators, source nodes and refused nodes of an op trace put to a measured profile.
    public static Profile withTrace(Profile measured, Profile trace) {
        Map<String, NodeTime> byName = new HashMap<>();
        trace.nodes().forEach(n -> byName.putIfAbsent(n.name(), n));
        List<NodeTime> nodes = measured.nodes().stream()
                .map(n -> byName.get(n.name()) instanceof NodeTime t
                        ? n.with(n.op().isEmpty() ? t.op() : n.op(), n.onnx().isEmpty() ? t.onnx() : n.onnx())
                        : n)
                .toList();
        Map<String, Offloaded> offloaded = new java.util.LinkedHashMap<>();
        measured.offloaded().forEach(o -> offloaded.put(o.name(), o));
        trace.offloaded()
                .forEach(o -> offloaded.merge(
                        o.name(), o, (a, b) -> new Offloaded(a.name(), b.op(), a.micros(), b.reason(), b.advice())));
        List<String> said = new ArrayList<>(measured.said());
        said.addAll(trace.said());
        return measured.with(nodes, List.copyOf(offloaded.values()), said);
    }

    /// The estimate of each node's layers beside its measurement.
    ///
    /// @param profile with the model's names: [MapNames]
    public static Profile withEstimate(Profile profile, Estimate estimate) {
        Map<String, Double> byLayer = new HashMap<>();
        for (LayerEstimate layer : estimate.layers()) {
            if (layer.fusedInto() == null) {
                byLayer.merge(layer.name(), layer.micros(), Double::sum);
            }
        }
        List<NodeTime> nodes = new ArrayList<>();
        for (NodeTime node : profile.nodes()) {
            List<Double> found = node.onnx().stream()
                    .map(byLayer::remove)
                    .filter(java.util.Objects::nonNull)
                    .toList();
            nodes.add(
                    found.isEmpty()
                            ? node
                            : node.withEstimate(found.stream()
                                    .mapToDouble(Double::doubleValue)
                                    .sum()));
        }
        List<String> said = new ArrayList<>(profile.said());
        double rest = byLayer.values().stream().mapToDouble(Double::doubleValue).sum();
        if (rest > 0) {
            said.add("%d layers of the estimate, %.1f µs, belong to no node of the profile"
                    .formatted(byLayer.values().stream().filter(v -> v > 0).count(), rest));
        }
        return profile.with(nodes, profile.offloaded(), said);
    }
}
