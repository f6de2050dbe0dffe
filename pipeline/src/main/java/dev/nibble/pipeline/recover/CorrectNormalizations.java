package dev.nibble.pipeline.recover;

import dev.nibble.data.DataSet;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.Progress;
import dev.nibble.quant.LinearQuantization;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Quantization;
import dev.nibble.quant.weight.NormalizationShift;
import dev.nibble.quant.weight.NormalizationShift.Site;
import dev.nibble.quant.weight.Scope;
import dev.nibble.quant.weight.SimulateActivations;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Gives the shifts of normalizations what quantization takes from the means behind them, one after the other in the
/// graph's order, each behind those that are corrected: see [NormalizationShift].
public final class CorrectNormalizations {
    /// Texts of twenty tokens give a mean over a thousand rows. On MiniLM 16, 32 and 64 samples came out within 0.03 dB.
    private static final long SAMPLES = 64;

    private CorrectNormalizations() {}

    /// @param plan with the corrected shifts in its model
    /// @param corrected labels of normalizations that were corrected
    /// @param skipped the others, by label, with the reason
    public record Result(PlacementPlan plan, List<String> corrected, Map<String, String> skipped) {}

    /// Corrects the normalizations of `plan` in `scope`.
    ///
    /// @param quantization every activation's encoding, and every weight as it will be written
    /// @param maxMemory bytes; an eighth of it holds what each of two copies of the model keeps between normalizations
    @SuppressWarnings("MustBeClosedChecker") // reads from the run's own samples, which are closed by who opened them
    public static Result of(
            PlacementPlan plan,
            Quantization quantization,
            Scope scope,
            DataSet data,
            Executor executor,
            int threads,
            long maxMemory,
            Progress progress) {
        Map<String, String> skipped = new LinkedHashMap<>();
        List<Site> sites = NormalizationShift.sites(plan, scope, skipped);
        if (sites.isEmpty()) {
            return new Result(plan, List.of(), skipped);
        }
        Graph graph = plan.model().graph();
        SimulateActivations simulated = SimulateActivations.of(plan, quantization);
        LinearQuantization linear = new LinearQuantization();
        Map<String, Initializer> shifts = new LinkedHashMap<>();
        List<String> corrected = new ArrayList<>();
        try (Progress.Stage stage = progress.begin("correcting normalizations", sites.size());
                PairedStreams streams = new PairedStreams(
                        plan,
                        simulated,
                        sites.stream().map(site -> site.node().input(0)).toList(),
                        sites.stream()
                                .map(site -> simulated.inputOf(site.node()))
                                .toList(),
                        data.spread(SAMPLES),
                        executor,
                        threads,
                        maxMemory)) {
            quantization
                    .weights()
                    .forEach((name, rounded) -> streams.put(Initializer.of(name, linear.dequantize(rounded))));
            for (int i = 0; i < sites.size(); i++) {
                Site site = sites.get(i);
                float[] scale =
                        graph.initializer(site.scale()).orElseThrow().tensor().toFloats();
                float[] stored = quantization
                        .constant(site.scale())
                        .map(codes -> linear.dequantize(codes).toFloats())
                        .orElse(scale);
                NormalizationShift shift = new NormalizationShift(scale, stored, site.epsilon());
                streams.gather(i, (x, seen, batch, samples) -> {
                    long rows = x.elements() / scale.length;
                    long leading = LayerStream.leading(x.shape());
                    shift.add(x, seen, row -> batch.counts(row, rows, leading));
                });
                Initializer moved = moved(graph, site, shift.shift());
                shifts.put(site.shift(), moved);
                streams.put(moved);
                corrected.add(site.node().label());
                stage.advance();
            }
        }
        Graph edited = graph.edit(edit -> shifts.values().forEach(edit::put));
        return new Result(plan.withModel(plan.model().withGraph(edited)), corrected, skipped);
    }

    private static Initializer moved(Graph graph, Site site, double[] by) {
        Tensor old = graph.initializer(site.shift()).orElseThrow().tensor();
        float[] values = old.toFloats();
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (values[i] + by[i]);
        }
        return Initializer.of(site.shift(), Tensor.of(old.shape(), values));
    }
}
