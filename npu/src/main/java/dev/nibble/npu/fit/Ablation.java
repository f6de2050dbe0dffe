package dev.nibble.npu.fit;

import dev.nibble.npu.cost.Machine;
import dev.nibble.npu.cost.Parameter;
import dev.nibble.npu.fit.FitParameters.Freedom;
import dev.nibble.npu.fit.FitParameters.Row;
import dev.nibble.npu.fit.FitParameters.Solution;
import dev.nibble.npu.fuse.FuseLayers;
import dev.nibble.npu.fuse.FusionRule;
import dev.nibble.npu.work.CountWork;
import dev.nibble.npu.work.Flow;
import dev.nibble.npu.work.ReadFlow;
import dev.nibble.npu.work.StaticModel;
import dev.nibble.npu.work.Work;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/// The cost model without one of its terms, fitted anew: what the term is worth.
///
/// @param term what is left out
/// @param change of each layer's work
/// @param fused whether layers are joined
/// @param freedom what is fitted
public record Ablation(String term, UnaryOperator<Work> change, boolean fused, Freedom freedom) {
    /// So little that it does not count.
    private static final double NOTHING = 1e-4;

    /// The often-quoted figures for Snapdragon 8 Gen 3, which stands in the middle of the devices.
    private static final Map<Parameter, Double> QUOTED = Map.of(
            Parameter.INT8_TOPS, 36.0,
            Parameter.INT16_TOPS, 18.0,
            Parameter.FLOAT16_TFLOPS, 12.0,
            Parameter.MEMORY_GBS, 50.0);

    /// Nothing left out, then each term in turn.
    ///
    /// @param fitted the fit to everything
    public static List<Ablation> all(Solution fitted) {
        List<Ablation> all = new ArrayList<>();
        all.add(new Ablation("nothing", w -> w, true, Freedom.ALL));
        all.add(work("per-channel normalization of the input", w -> with(w, w.paddedMacs(), 0, w.perChannel())));
        all.add(work(
                "quantized normalization that stands alone", w -> with(w, w.paddedMacs(), w.normalizedPixels(), 0)));
        all.add(work("rounding up to tiles", w -> with(w, w.macs(), w.normalizedPixels(), w.perChannel())));
        all.add(work("rescaling in concatenations", w -> rescaled(w, 0, w.barriers())));
        all.add(work("barriers of reductions over a picture", w -> rescaled(w, w.requantized(), 0)));
        all.add(work("vector work", w -> traffic(w, Map.of(), w.weights(), w.adjacent(), w.skipped())));
        all.add(work("traffic of weights", w -> traffic(w, w.vector(), 0, w.adjacent(), w.skipped())));
        all.add(work("spilling", w -> traffic(w, w.vector(), w.weights(), 0, 0)));
        all.add(new Ablation("fusion", w -> w, false, Freedom.ALL));
        all.add(held("overhead of each layer", Map.of(Parameter.LAYER_US, NOTHING)));
        all.add(held("more overhead with wide activations", Map.of(Parameter.LAYER_WIDE, 1.0)));
        all.add(held("slower vector work on FP16", Map.of(Parameter.VECTOR_FLOAT, 1.0)));
        all.add(held("inputs and outputs", Map.of(Parameter.IO_GBS, 1 / NOTHING)));
        Map<Parameter, Double> one = new HashMap<>();
        one.put(Parameter.INT16_TOPS, typical(fitted, Parameter.INT8_TOPS));
        all.add(held("a rate of its own for 16-bit activations", one));
        all.add(held("fitted peaks and bandwidth (36, 18, 12, 50 instead)", QUOTED));
        all.add(new Ablation("number of units of a chip", w -> w, true, new Freedom(Map.of(), false, true)));
        all.add(new Ablation("deviations of a chip", w -> w, true, new Freedom(Map.of(), true, false)));
        return List.copyOf(all);
    }

    private static double typical(Solution fitted, Parameter parameter) {
        double[] values = fitted.machines().stream()
                .mapToDouble((Machine m) -> m.get(parameter))
                .sorted()
                .toArray();
        return Errors.median(values);
    }

    private static Ablation work(String term, UnaryOperator<Work> change) {
        return new Ablation(term, change, true, Freedom.ALL);
    }

    private static Ablation held(String term, Map<Parameter, Double> fixed) {
        return new Ablation(term, w -> w, true, new Freedom(fixed, true, true));
    }

    private static Work with(Work w, double padded, double pixels, double perChannel) {
        return new Work(
                w.macs(),
                padded,
                w.vector(),
                w.weights(),
                w.adjacent(),
                w.skipped(),
                w.written(),
                w.entering(),
                w.leaving(),
                pixels,
                perChannel,
                w.requantized(),
                w.barriers(),
                w.free(),
                w.withoutRule());
    }

    private static Work rescaled(Work w, double requantized, int barriers) {
        return new Work(
                w.macs(),
                w.paddedMacs(),
                w.vector(),
                w.weights(),
                w.adjacent(),
                w.skipped(),
                w.written(),
                w.entering(),
                w.leaving(),
                w.normalizedPixels(),
                w.perChannel(),
                requantized,
                barriers,
                w.free(),
                w.withoutRule());
    }

    private static Work traffic(
            Work w,
            Map<dev.nibble.npu.work.VectorKind, Double> vector,
            double weights,
            double adjacent,
            double skipped) {
        return new Work(
                w.macs(),
                w.paddedMacs(),
                vector,
                weights,
                adjacent,
                skipped,
                w.written(),
                w.entering(),
                w.leaving(),
                w.normalizedPixels(),
                w.perChannel(),
                w.requantized(),
                w.barriers(),
                w.free(),
                w.withoutRule());
    }

    /// Errors leaving one family out, without the term.
    ///
    /// @param models the folder of the graphs
    public Errors errors(Calibrate.Loaded loaded, Path models) {
        Map<String, ModelWork> works = new HashMap<>();
        List<Row> rows = new ArrayList<>();
        for (Row row : loaded.rows()) {
            ModelWork work = works.computeIfAbsent(row.measurement().topology(), name -> {
                Flow flow = ReadFlow.of(StaticModel.read(models.resolve(name + ".onnx"), Map.of())
                        .model()
                        .graph());
                Flow run = fused ? FuseLayers.apply(flow, FusionRule.all()).flow() : flow;
                return ModelWork.of(run, CountWork.of(run).stream().map(change).toList());
            });
            rows.add(new Row(row.measurement(), work, row.device()));
        }
        FitParameters fit = FitParameters.ofAll(Calibrate.devices(loaded), freedom);
        Solution solution = fit.fit(rows, fit.prior(), 60);
        double[] held = fit.leaveOut(rows, r -> r.measurement().family(), solution);
        return Errors.of(term, rows, held, d -> loaded.devices().get(d).name());
    }
}
