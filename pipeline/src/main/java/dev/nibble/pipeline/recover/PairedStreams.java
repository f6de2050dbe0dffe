package dev.nibble.pipeline.recover;

import dev.nibble.data.Batch;
import dev.nibble.data.Batches;
import dev.nibble.data.DataSet;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Initializer;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.weight.LayerStatistics;
import dev.nibble.quant.weight.LinearLayer;
import dev.nibble.quant.weight.SimulateActivations;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Two copies of a model, the float one and the quantized one, that run side by side over all samples, one layer after
/// the other. Samples are read when the first layer is gathered, and layers that nobody asks for are only passed
/// through, so that a run that goes on from kept decisions ends exactly where one without a break does.
final class PairedStreams implements AutoCloseable {
    /// Samples a run: more are no faster, and cost memory.
    private static final int BATCH = 8;

    /// The part of the memory allowed that each of the two copies may keep activations in: calibration is over by now,
    /// and statistics, sessions and the models want the rest.
    private static final int SHARE = 8;

    private final LayerStream exact;
    private final LayerStream quantized;
    private final DataSet data;
    private final Executor executor;
    private final int threads;
    private final List<Integer> sizes = new ArrayList<>();
    private final List<Integer> rows = new ArrayList<>();
    private int next;

    PairedStreams(
            PlacementPlan plan,
            SimulateActivations simulated,
            List<LinearLayer> layers,
            DataSet data,
            Executor executor,
            int threads,
            long maxMemory) {
        this.data = data;
        this.executor = executor;
        this.threads = threads;
        exact = new LayerStream(
                plan.model(), layers.stream().map(LinearLayer::input).toList(), Map.of(), maxMemory / SHARE);
        quantized = new LayerStream(
                simulated.model(),
                layers.stream().map(simulated::inputOf).toList(),
                simulated.byteCodes(),
                maxMemory / SHARE);
    }

    /// Replaces a constant of the quantized copy for everything behind the layers that were passed.
    void put(Initializer constant) {
        quantized.put(constant);
    }

    /// Gathers what layer number `index` reads; the layers before it are passed through.
    ///
    /// @param wanted positions in all
    void gather(int index, LayerStatistics statistics, int wanted) {
        if (sizes.isEmpty()) {
            load();
        }
        while (next < index) {
            run(null, 0);
        }
        run(statistics, wanted);
    }

    private void run(@Nullable LayerStatistics statistics, int wanted) {
        next++;
        int samples = sizes.stream().mapToInt(Integer::intValue).sum();
        int perSample = Math.ceilDiv(wanted, samples);
        // Optimization would let ONNX Runtime quantize the float weights between the quantizers itself, per tensor.
        try (LayerStream.Piece floats =
                        exact.open(executor, new Executor.Options(threads, Executor.Optimization.DEFAULT));
                LayerStream.Piece rounded =
                        quantized.open(executor, new Executor.Options(threads, Executor.Optimization.OFF))) {
            for (int i = 0; i < sizes.size(); i++) {
                int index = i;
                floats.run(
                        i,
                        x -> rounded.run(index, xQuantized -> {
                            if (statistics != null) {
                                long positions = statistics.positions(x);
                                int valid = LayerStream.leading(x.shape()) == rows.get(index)
                                        ? (int) (positions * sizes.get(index) / rows.get(index))
                                        : (int) positions;
                                statistics.add(x, xQuantized, valid, perSample * sizes.get(index), index);
                            }
                        }));
            }
        }
    }

    private void load() {
        try (Batches batches = data.batches(BATCH)) {
            while (batches.hasNext()) {
                Batch batch = batches.next();
                exact.add(batch.inputs());
                quantized.add(batch.inputs());
                sizes.add(batch.size());
                long most = batch.inputs().values().stream()
                        .mapToLong(input -> LayerStream.leading(input.shape()))
                        .max()
                        .orElse(batch.size());
                rows.add((int) Math.max(most, batch.size()));
            }
        }
    }

    @Override
    public void close() {
        try (exact;
                quantized) {
            // Both are closed, also where the first fails.
        }
    }
}
