package dev.nibble.pipeline;

import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.data.metric.TaskMetric;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.pipeline.measure.Evaluation;
import dev.nibble.pipeline.measure.FloatEdges;
import dev.nibble.pipeline.measure.Measurements;
import dev.nibble.pipeline.measure.TaskMetrics;
import dev.nibble.pipeline.measure.Variant;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.report.LadderRung;
import dev.nibble.report.LayerError;
import dev.nibble.report.Measurement;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.Supplier;

/// What each step of a recipe is worth: the model is quantized and measured with no step, with the first, with the first
/// two, and so on, all over the same samples.
final class MeasureLadder {
    private MeasureLadder() {}

    /// The rungs below the whole recipe.
    ///
    /// @param quantize quantizes with a recipe
    /// @param data samples to measure with
    /// @param layers the errors of a quantized model's layers
    static List<LadderRung> below(
            Recipe recipe,
            PreparedModel prepared,
            Function<Recipe, QuantizedModel> quantize,
            DataSet data,
            Supplier<List<TaskMetric>> metrics,
            Executor executor,
            int threads,
            int batch,
            BiFunction<QuantizedModel, Model, List<LayerError>> layers,
            Progress progress) {
        List<LadderRung> rungs = new ArrayList<>();
        for (int count = 0; count < recipe.steps().size(); count++) {
            // What the rung before left lies outside the heap too, and would be there until the heap is full.
            System.gc();
            long start = System.nanoTime();
            QuantizedModel quantized = quantize.apply(recipe.first(count));
            double seconds = (System.nanoTime() - start) / 1e9;
            Model qdq = FloatEdges.around(quantized.export().model());
            List<Evaluation.Outcome> outcomes = Evaluation.of(
                    List.of(
                            new Variant("float", prepared.original(), Executor.Optimization.DEFAULT),
                            new Variant("off", qdq, Executor.Optimization.OFF)),
                    data,
                    metrics,
                    executor,
                    threads,
                    batch,
                    new Doctor(),
                    progress);
            Measurement measured =
                    Measurements.of(outcomes.get(0), outcomes.get(1), "off", TaskMetrics.classes(prepared.original()));
            rungs.add(new LadderRung(
                    count == 0 ? "plain" : recipe.steps().get(count - 1).toString(),
                    measured.metric(),
                    measured.sqnrDb(),
                    seconds,
                    count == 0 ? layers.apply(quantized, qdq) : List.of()));
        }
        return rungs;
    }
}
