package dev.nibble.pipeline.measure;

import dev.nibble.data.Batch;
import dev.nibble.data.Batches;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.data.metric.OutputComparison;
import dev.nibble.data.metric.TaskMetric;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.memory.ValueSizes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Supplier;

/// Runs several models over the same samples in one pass, so that their figures can be paired sample by sample.
/// The first is the reference the others' outputs are compared with.
public final class Evaluation {
    private Evaluation() {}

    /// What was measured of one model.
    ///
    /// @param metrics of the first float output against the labels; empty without labels
    /// @param outputs by output, this model against the reference; empty for the reference itself
    /// @param before by output, this model against the one before it; empty unless it runs elsewhere
    public record Outcome(
            Variant variant,
            List<TaskMetric> metrics,
            Map<String, OutputComparison> outputs,
            Map<String, OutputComparison> before) {
        /// The comparison of the output that the metrics are taken of.
        public OutputComparison headline() {
            return outputs.values().iterator().next();
        }
    }

    /// How many samples may go through all of `variants` at once.
    ///
    /// @param most what is chosen where memory does not matter
    /// @throws NibbleException where the user set a limit that a single sample exceeds
    public static int batch(List<Variant> variants, DataSet data, MemoryBudget memory, int most, Executor executor) {
        List<String> outputs = floatOutputs(variants.getFirst().model());
        ValueSizes sizes = ValueSizes.of(variants.getFirst().model(), outputs, data.sample(data.largest()), executor);
        // Each model keeps what it needs for a run, and its outputs twice; a quantized one holds values as codes as
        // well.
        long each = sizes.inputs() + variants.size() * (2 * sizes.live() + 2 * sizes.of(outputs));
        memory.groups(List.of("outputs"), 0, value -> each, "measuring");
        return memory.batch(Math.ceilDiv(each, sizes.rows()), most);
    }

    /// Measures `variants`, the reference first.
    ///
    /// @param metrics makes the task metrics of one model; none without labels
    /// @param batch samples a run, where the models leave that open
    /// @param doctor looks at each sample as it goes by
    /// @throws NibbleException where a model has no float output, or the models' outputs differ in name or shape
    public static List<Outcome> of(
            List<Variant> variants,
            DataSet data,
            Supplier<List<TaskMetric>> metrics,
            Executor executor,
            int threads,
            int batch,
            Doctor doctor,
            Progress progress) {
        return of(variants, data, metrics, executor, threads, batch, doctor, progress, (_, e) -> {
            throw e;
        });
    }

    /// As the other, where models may be left out that cannot be loaded.
    ///
    /// @param unloadable is told of each such model, and why; throws where the model has to be measured
    public static List<Outcome> of(
            List<Variant> variants,
            DataSet data,
            Supplier<List<TaskMetric>> metrics,
            Executor executor,
            int threads,
            int batch,
            Doctor doctor,
            Progress progress,
            BiConsumer<Variant, NibbleException> unloadable) {
        List<String> names = floatOutputs(variants.getFirst().model());
        List<Outcome> outcomes = new ArrayList<>();
        List<Executor.Session> sessions = new ArrayList<>();
        try (Progress.Stage stage = progress.begin("measuring", data.size())) {
            for (Variant variant : variants) {
                try {
                    sessions.add(variant.elsewhere()
                            .orElse(executor)
                            .open(variant.model(), names, new Executor.Options(threads, variant.optimization())));
                } catch (NibbleException e) {
                    unloadable.accept(variant, e);
                    continue;
                }
                Map<String, OutputComparison> outputs = new LinkedHashMap<>();
                if (!outcomes.isEmpty()) {
                    names.forEach(name -> outputs.put(name, new OutputComparison()));
                }
                Map<String, OutputComparison> before = new LinkedHashMap<>();
                if (!outcomes.isEmpty() && variant.elsewhere().isPresent()) {
                    names.forEach(name -> before.put(name, new OutputComparison()));
                }
                outcomes.add(new Outcome(variant, metrics.get(), outputs, before));
            }
            try (Batches batches = data.batches(batch, doctor)) {
                while (batches.hasNext()) {
                    Batch next = batches.next();
                    Map<String, Tensor> exact = Map.of();
                    Map<String, Tensor> before = Map.of();
                    for (int i = 0; i < outcomes.size(); i++) {
                        Map<String, Tensor> seen = sessions.get(i).run(next.inputs());
                        exact = i == 0 ? seen : exact;
                        add(outcomes.get(i), names, exact, seen, next);
                        compare(outcomes.get(i).before(), before, seen, next.size());
                        before = seen;
                    }
                    stage.advance(next.size());
                }
            }
        } finally {
            sessions.forEach(Executor.Session::close);
        }
        return outcomes;
    }

    private static void add(
            Outcome outcome, List<String> names, Map<String, Tensor> exact, Map<String, Tensor> seen, Batch batch) {
        for (TaskMetric metric : outcome.metrics()) {
            metric.add(output(seen, names.getFirst()), batch);
        }
        compare(outcome.outputs(), exact, seen, batch.size());
    }

    private static void compare(
            Map<String, OutputComparison> outputs, Map<String, Tensor> exact, Map<String, Tensor> seen, int size) {
        outputs.forEach((name, comparison) -> comparison.add(output(exact, name), output(seen, name), size));
    }

    private static Tensor output(Map<String, Tensor> outputs, String name) {
        Tensor tensor = outputs.get(name);
        if (tensor == null) {
            throw new NibbleException(
                    "output '" + name + "' was not computed", "compare a model with its own quantized form");
        }
        return tensor;
    }

    /// The names of the outputs that hold floats, in the model's order.
    ///
    /// @throws NibbleException where there is none
    public static List<String> floatOutputs(Model model) {
        List<String> names = model.graph().outputs().stream()
                .filter(Evaluation::isFloat)
                .map(ValueInfo::name)
                .toList();
        if (names.isEmpty()) {
            throw new NibbleException(
                    "the model has no float output to measure",
                    "its outputs are "
                            + model.graph().outputs().stream()
                                    .map(ValueInfo::name)
                                    .toList());
        }
        return names;
    }

    private static boolean isFloat(ValueInfo output) {
        return output.tensorType()
                .flatMap(ValueType.TensorType::elementType)
                .map(type -> type == DataType.FLOAT)
                .orElse(false);
    }
}
