package dev.nibble.npu.profile;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a profile says of a run, averaged over the runs in the file.
///
/// @param file as the user named it
/// @param runs how often the model ran; 1 where the file holds averages and does not say of how many
/// @param totalMicros of one run, over all partitions; null where the file has no time
/// @param totalBasis which clock `totalMicros` is of
/// @param totalCycles of one run, over all partitions; null where the file has none
/// @param phases the figures of [Phase] and of the sections before and after, by their names with units
/// @param steps what the sections before execution consist of, in their order
/// @param estimates what the compiler said that the device will take, as it names it
/// @param nodes in the order of the file; none at profiling level basic
/// @param offloaded nodes that did not go to the accelerator, with the reason where one is given
/// @param skipped what was left out, and why
/// @param said what the reader must know to take the figures for what they are
public record Profile(
        String file,
        Dialect dialect,
        long runs,
        int partitions,
        @Nullable Double totalMicros,
        @Nullable String totalBasis,
        @Nullable Double totalCycles,
        Map<String, Double> phases,
        List<Step> steps,
        List<Step> estimates,
        List<NodeTime> nodes,
        List<Offloaded> offloaded,
        List<Skipped> skipped,
        List<String> said) {
    public Profile {
        phases = Collections.unmodifiableMap(new LinkedHashMap<>(phases));
        steps = List.copyOf(steps);
        estimates = List.copyOf(estimates);
        nodes = List.copyOf(nodes);
        offloaded = List.copyOf(offloaded);
        skipped = List.copyOf(skipped);
        said = List.copyOf(said);
    }

    /// A figure outside the runs.
    public record Step(Section section, String name, Unit unit, double value) {}

    /// A node of a run.
    ///
    /// @param name without what the tool puts around it
    /// @param op an ONNX or QNN operator; empty where it is not known
    /// @param partition its number from 0: names may repeat in another
    /// @param cycles the mean; null where the file has none
    /// @param micros the mean; null where the file has none
    /// @param low the least of all runs, in the unit of `share`
    /// @param high the most of all runs, in the unit of `share`
    /// @param share of all nodes' time where the file has time, else of their cycles
    /// @param samples in how many runs it stands
    /// @param onnx the nodes of the user's model that it stands for; empty where they are not known
    /// @param waitCycles waiting for the scheduler; null where the file does not say
    /// @param resources such as `HVX, HMX, DMA`; empty where the file does not say
    /// @param estimatedMicros what Nibble expects of these nodes; null where it was not asked
    public record NodeTime(
            String name,
            String op,
            int partition,
            Where where,
            @Nullable Double cycles,
            @Nullable Double micros,
            double low,
            double high,
            double share,
            long samples,
            List<String> onnx,
            @Nullable Double waitCycles,
            String resources,
            @Nullable Double estimatedMicros) {
        public NodeTime {
            onnx = List.copyOf(onnx);
        }

        /// The time where there is one, else the cycles, else 0.
        public double value() {
            return micros != null ? micros : cycles != null ? cycles : 0;
        }

        /// With what the user's model says of it.
        public NodeTime with(String newOp, List<String> newOnnx) {
            return new NodeTime(
                    name,
                    newOp,
                    partition,
                    where,
                    cycles,
                    micros,
                    low,
                    high,
                    share,
                    samples,
                    newOnnx,
                    waitCycles,
                    resources,
                    estimatedMicros);
        }

        /// With an estimate beside it.
        public NodeTime withEstimate(double estimate) {
            return new NodeTime(
                    name,
                    op,
                    partition,
                    where,
                    cycles,
                    micros,
                    low,
                    high,
                    share,
                    samples,
                    onnx,
                    waitCycles,
                    resources,
                    estimate);
        }
    }

    /// A node that ran on the CPU.
    ///
    /// @param micros the mean; null where the file has none
    /// @param reason as the tool gives it; empty where it gives none
    /// @param advice what to do
    public record Offloaded(
            String name, String op, @Nullable Double micros, String reason, String advice) {}

    /// Lines or events that were left out.
    ///
    /// @param first where the first stands: a line number, 0 where there are no lines
    public record Skipped(String reason, long count, long first) {}

    /// Whether the figures of nodes are times; else they are cycles, or there are none.
    public boolean timed() {
        return nodes.stream().anyMatch(n -> n.micros() != null);
    }

    /// With other nodes, offloaded nodes and remarks.
    public Profile with(List<NodeTime> newNodes, List<Offloaded> newOffloaded, List<String> newSaid) {
        return new Profile(
                file,
                dialect,
                runs,
                partitions,
                totalMicros,
                totalBasis,
                totalCycles,
                phases,
                steps,
                estimates,
                newNodes,
                newOffloaded,
                skipped,
                newSaid);
    }
}
