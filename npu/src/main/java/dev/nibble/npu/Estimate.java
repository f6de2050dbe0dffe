package dev.nibble.npu;

import dev.nibble.npu.cost.LayerTime.Bottleneck;
import dev.nibble.npu.fuse.FuseLayers.NearMiss;
import dev.nibble.npu.memory.MemoryTimeline;
import dev.nibble.npu.memory.Tile;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a model is estimated to take on a target.
///
/// @param lowMicros four of five models alike were measured between this and `highMicros`
/// @param basis what the interval rests on
/// @param bottlenecks how many layers wait for what
public record Estimate(
        String path,
        String target,
        String precision,
        String runtime,
        String model,
        double totalMicros,
        double lowMicros,
        double highMicros,
        String basis,
        double runMicros,
        double gops,
        double megabytes,
        double ridgeOperationsPerByte,
        Map<Bottleneck, Integer> bottlenecks,
        List<LayerEstimate> layers,
        List<FusionGain> fusions,
        List<NearMiss> nearMisses,
        MemoryTimeline memory,
        List<Finding> findings,
        List<String> said) {
    public Estimate {
        layers = List.copyOf(layers);
        fusions = List.copyOf(fusions);
        nearMisses = List.copyOf(nearMisses);
        findings = List.copyOf(findings);
        said = List.copyOf(said);
    }

    /// The same, with more to say first.
    public Estimate withSaid(List<String> more) {
        List<String> all = new ArrayList<>(more);
        all.addAll(said);
        return new Estimate(
                path,
                target,
                precision,
                runtime,
                model,
                totalMicros,
                lowMicros,
                highMicros,
                basis,
                runMicros,
                gops,
                megabytes,
                ridgeOperationsPerByte,
                bottlenecks,
                layers,
                fusions,
                nearMisses,
                memory,
                findings,
                all);
    }

    /// One layer, or a node that runs as part of another.
    ///
    /// @param fusedInto the layer that this node runs in; null for what runs itself
    /// @param macs as the model states them
    /// @param vectorElements what the vector units touch
    /// @param bytes weights and activations, each once
    /// @param share of the run
    /// @param utilization of the matrix unit at its peak while the layer runs; for layers without products, of the memory
    /// @param spilledBytes to DRAM and back
    public record LayerEstimate(
            String name,
            String op,
            @Nullable String fusedInto,
            String precision,
            long macs,
            double vectorElements,
            double bytes,
            double micros,
            double share,
            double matrixMicros,
            double vectorMicros,
            double memoryMicros,
            double overheadMicros,
            Bottleneck bottleneck,
            double utilization,
            double spilledBytes,
            @Nullable Tile tile) {
        /// Operations per byte.
        public double intensity() {
            return bytes > 0 ? 2.0 * macs / bytes : 0;
        }
    }

    /// @param beforeMicros the nodes one by one
    /// @param savedTrafficBytes written to fast memory and read again otherwise
    /// @param savedSpillBytes to DRAM and back otherwise
    public record FusionGain(
            String rule,
            String layer,
            List<String> nodes,
            double beforeMicros,
            double afterMicros,
            double savedTrafficBytes,
            double savedSpillBytes,
            int folklorePercent) {}

    /// Something the user can act on, or must know.
    ///
    /// @param code as in `docs/findings.md`
    /// @param severity `note` or `warning`
    /// @param micros what it costs; 0 where that cannot be said
    public record Finding(String code, String severity, String text, String fix, double micros) {}
}
