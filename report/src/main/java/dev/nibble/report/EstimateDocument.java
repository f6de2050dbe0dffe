package dev.nibble.report;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The outcome of `estimate` and `roofline`: times that nobody measured.
public record EstimateDocument(int schemaVersion, String nibble, List<Entry> models) implements Document {
    public EstimateDocument {
        Values.present("nibble", nibble);
        models = Values.list(models);
    }

    /// One model on one target.
    ///
    /// @param badge `estimated`
    /// @param precision `w8a8`, …, or `mixed`
    /// @param model the cost model: `calibrated`, `simple`, `roofline`
    /// @param lowMicros four of five models alike were measured between this and `highMicros`
    /// @param basis what the interval rests on
    /// @param runMicros what each run takes beside its layers
    /// @param megabytes weights and activations, each layer's once
    /// @param ridgeOperationsPerByte where compute and memory take equally long
    /// @param bottlenecks how many layers wait for `compute`, `memory`, `vector`, `overhead`
    /// @param notes what was assumed
    public record Entry(
            String path,
            String target,
            Badge badge,
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
            Map<String, Integer> bottlenecks,
            List<Layer> layers,
            List<Fusion> fusions,
            List<NearMiss> nearMisses,
            Memory memory,
            List<Finding> findings,
            List<String> notes) {
        public Entry {
            bottlenecks = Values.map(bottlenecks);
            layers = Values.list(layers);
            fusions = Values.list(fusions);
            nearMisses = Values.list(nearMisses);
            findings = Values.list(findings);
            notes = Values.list(notes);
        }
    }

    /// A layer, or a node that runs inside one.
    ///
    /// @param fusedInto the layer that this node runs in; null for what runs itself
    /// @param macs multiply-accumulates as the model states them
    /// @param bytes weights and activations, each once
    /// @param operationsPerByte two for each multiply-accumulate
    /// @param share of the run
    /// @param bottleneck what it waits for
    /// @param utilization of the matrix unit; for layers without products, of the memory
    /// @param tile null where nothing runs
    /// @param spilledBytes activations to DRAM and back
    public record Layer(
            String name,
            String op,
            @Nullable String fusedInto,
            String precision,
            long macs,
            double bytes,
            double operationsPerByte,
            double micros,
            double share,
            String bottleneck,
            double utilization,
            @Nullable Tile tile,
            double spilledBytes) {}

    /// A piece of a layer's output that fits the fast memory.
    ///
    /// @param channels a multiple of 32, or all
    /// @param bytes its input, weights and output, twice where there are several
    public record Tile(long height, long width, long channels, long count, double bytes, boolean fits) {}

    /// Nodes that run as one layer.
    ///
    /// @param beforeMicros the nodes one by one
    /// @param savedTrafficBytes written to fast memory and read again otherwise
    /// @param savedSpillBytes to DRAM and back otherwise
    public record Fusion(
            String rule,
            String layer,
            List<String> nodes,
            double beforeMicros,
            double afterMicros,
            double savedTrafficBytes,
            double savedSpillBytes) {
        public Fusion {
            nodes = Values.list(nodes);
        }
    }

    /// A pattern that all but fits. @param node where it starts
    public record NearMiss(String rule, String node, String reason) {}

    /// Activations that live during the run, whole tensors.
    ///
    /// @param liveBytes one number for each layer that is not inside another, in running order
    /// @param peakTensors the largest at the peak
    public record Memory(List<Double> liveBytes, double peakBytes, String peakLayer, Map<String, Double> peakTensors) {
        public Memory {
            liveBytes = Values.list(liveBytes);
            peakTensors = Values.map(peakTensors);
        }
    }
}
