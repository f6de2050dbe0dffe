package dev.nibble.pipeline.recover;

import dev.nibble.data.Batch;
import dev.nibble.data.Batches;
import dev.nibble.data.DataSet;
import dev.nibble.data.InputSpec;
import dev.nibble.data.TokenInputs;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.weight.SimulateActivations;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Two copies of a model, the float one and the quantized one, that run side by side over all samples, from one value
/// to the next. Samples are read when the first value is gathered, and values that nobody asks for are only passed
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
    private final List<Read> batches = new ArrayList<>();
    private int samples;
    private int next;

    /// A batch that was read.
    ///
    /// @param index among all
    /// @param size samples that count
    /// @param rows of the leading axis
    /// @param tokens by position, whether a token counts, as the mask of attention says; null where there is none
    record Read(int index, int size, int rows, boolean @Nullable [] tokens) {
        /// How many of `positions` belong to samples that count.
        ///
        /// @param leading the leading axis of the value
        long valid(long positions, long leading) {
            return leading == rows ? positions * size / rows : positions;
        }

        /// Whether row `row` of a value with `count` rows belongs to a sample and a token that count.
        boolean counts(long row, long count, long leading) {
            return row < valid(count, leading) && (tokens == null || tokens.length != count || tokens[(int) row]);
        }
    }

    /// Takes a value as both copies have it; the tensors are valid during the call.
    @FunctionalInterface
    interface Pair {
        /// @param samples in all batches
        void accept(Tensor exact, Tensor quantized, Read batch, int samples);
    }

    /// @param values of the plan's model to stop at, in order
    /// @param simulatedValues the same in the quantized copy
    PairedStreams(
            PlacementPlan plan,
            SimulateActivations simulated,
            List<String> values,
            List<String> simulatedValues,
            DataSet data,
            Executor executor,
            int threads,
            long maxMemory) {
        this.data = data;
        this.executor = executor;
        this.threads = threads;
        exact = new LayerStream(plan.model(), values, Map.of(), maxMemory / SHARE);
        quantized = new LayerStream(simulated.model(), simulatedValues, simulated.byteCodes(), maxMemory / SHARE);
    }

    /// Replaces a constant of the quantized copy for everything behind the values that were passed.
    void put(Initializer constant) {
        quantized.put(constant);
    }

    /// Hands value number `index` to `pair`, batch by batch; the values before it are passed through.
    void gather(int index, Pair pair) {
        if (batches.isEmpty()) {
            load();
        }
        while (next < index) {
            run(null);
        }
        run(pair);
    }

    private void run(@Nullable Pair pair) {
        next++;
        // Optimization would let ONNX Runtime quantize the float weights between the quantizers itself, per tensor.
        try (LayerStream.Piece floats =
                        exact.open(executor, new Executor.Options(threads, Executor.Optimization.DEFAULT));
                LayerStream.Piece rounded =
                        quantized.open(executor, new Executor.Options(threads, Executor.Optimization.OFF))) {
            for (Read batch : batches) {
                floats.run(
                        batch.index(),
                        x -> rounded.run(batch.index(), xQuantized -> {
                            if (pair != null) {
                                pair.accept(x, xQuantized, batch, samples);
                            }
                        }));
            }
        }
    }

    private void load() {
        try (Batches read = data.batches(BATCH)) {
            while (read.hasNext()) {
                Batch batch = read.next();
                exact.add(batch.inputs());
                quantized.add(batch.inputs());
                long most = batch.inputs().values().stream()
                        .mapToLong(input -> LayerStream.leading(input.shape()))
                        .max()
                        .orElse(batch.size());
                batches.add(new Read(batches.size(), batch.size(), (int) Math.max(most, batch.size()), tokens(batch)));
                samples += batch.size();
            }
        }
    }

    private boolean @Nullable [] tokens(Batch batch) {
        for (InputSpec input : data.inputs()) {
            Tensor mask = batch.inputs().get(input.name());
            if (mask != null && TokenInputs.masksAttention(input)) {
                boolean[] tokens = new boolean[Math.toIntExact(mask.elements())];
                for (int i = 0; i < tokens.length; i++) {
                    tokens[i] = mask.longAt(i) != 0;
                }
                return tokens;
            }
        }
        return null;
    }

    @Override
    public void close() {
        try (exact;
                quantized) {
            // Both are closed, also where the first fails.
        }
    }
}
