package dev.nibble.pipeline.calibrate;

import dev.nibble.data.Batch;
import dev.nibble.data.Batches;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.memory.ValueSizes;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.observe.Observer;
import dev.nibble.quant.observe.Scaling;
import dev.nibble.run.SampleBatch;
import dev.nibble.run.StreamPlan;
import dev.nibble.run.StreamedRun;
import dev.nibble.run.TensorConsumer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// One pass over the samples, or as many as the memory asks for, after which every calibrator is ready.
public final class Calibration {
    private Calibration() {}

    /// Observes `values` while the float model runs over all of `data`.
    ///
    /// @param values graph inputs or intermediate values; only these are fetched, so that the executor's fused kernels
    ///     stay fused everywhere else
    /// @param threads threads in all
    /// @param memory what the tensors of the batches under way may take; where not all values fit at once, there are
    ///     several passes
    /// @param batch samples a run; 0 leaves the choice to the plan
    /// @param doctor looks at each sample as it goes by
    public static Map<String, Observation> observe(
            Model model,
            List<String> values,
            DataSet data,
            Executor executor,
            int threads,
            MemoryBudget memory,
            int batch,
            Doctor doctor,
            Progress progress) {
        ValueSizes sizes = ValueSizes.of(model, values, data.sample(data.largest()), executor);
        long base = sizes.inputs() + sizes.live();
        Map<String, ScaledValues> scaled = ScaledValues.find(model.graph(), values);
        List<String> fetched =
                values.stream().filter(value -> !scaled.containsKey(value)).toList();
        List<List<String>> passes =
                memory.groups(fetched, base, value -> StreamPlan.COPIES * sizes.of(value), "calibration");
        Map<String, Observation> observations = new LinkedHashMap<>();
        String what = MemoryBudget.announced("calibrating", passes.size());
        try (Progress.Stage stage = progress.begin(what, data.size() * passes.size())) {
            for (List<String> group : passes) {
                long bytes = Math.ceilDiv(base, StreamPlan.COPIES) + sizes.of(group);
                StreamPlan plan = StreamPlan.of(Math.ceilDiv(bytes, sizes.rows()), threads, memory.tensors(), batch);
                Doctor once = observations.isEmpty() ? doctor : new Doctor();
                observations.putAll(pass(model, group, sizes.values(), scaled, data, executor, plan, once, stage));
            }
        }
        return observations;
    }

    private static Map<String, Observation> pass(
            Model model,
            List<String> values,
            Map<String, Long> largest,
            Map<String, ScaledValues> scaled,
            DataSet data,
            Executor executor,
            StreamPlan plan,
            Doctor doctor,
            Progress.Stage stage) {
        Seen seen = new Seen(Observer.valuesPerSample(data.size()), scaled);
        try (Batches batches = data.batches(plan.batch(), doctor)) {
            StreamedRun.over(
                    executor,
                    model,
                    values,
                    largest,
                    Executor.Optimization.DEFAULT,
                    plan,
                    new Iterator<>() {
                        @Override
                        public boolean hasNext() {
                            return batches.hasNext();
                        }

                        @Override
                        public SampleBatch next() {
                            Batch next = batches.next();
                            stage.advance(next.size());
                            return new SampleBatch(next.first(), next.size(), next.inputs());
                        }
                    },
                    Collections.nCopies(plan.workers(), seen));
        }
        List<String> all = new ArrayList<>(values);
        scaled.forEach((value, other) -> {
            if (values.contains(other.of())) {
                all.add(value);
            }
        });
        return seen.observations(all, plan.workers() > 1);
    }

    /// What all workers saw. Observers are shared: one for each worker and value took as many pages of bins again, which had
    /// to be merged, and garbage collection took a fifth of the time. Workers seldom meet at a value, since each goes
    /// through them in order.
    private static final class Seen implements TensorConsumer {
        private final ConcurrentMap<String, Observer> observers = new ConcurrentHashMap<>();
        private final int valuesPerSample;
        private final Map<String, Map<String, Scaling>> scaled = new HashMap<>();

        /// @param scaled what follows from values that come
        Seen(int valuesPerSample, Map<String, ScaledValues> scaled) {
            this.valuesPerSample = valuesPerSample;
            scaled.forEach((value, other) -> this.scaled
                    .computeIfAbsent(other.of(), o -> new LinkedHashMap<>())
                    .put(value, other.scaling()));
        }

        @Override
        public void accept(String value, Tensor tensor, long firstSample, int samples) {
            observe(value, null, tensor, firstSample, samples);
            scaled.getOrDefault(value, Map.of())
                    .forEach((other, scaling) -> observe(other, scaling, tensor, firstSample, samples));
        }

        private void observe(String value, @Nullable Scaling scaling, Tensor tensor, long firstSample, int samples) {
            Observer observer = observers.computeIfAbsent(value, v -> new Observer(valuesPerSample, scaling));
            synchronized (observer) {
                observer.observe(tensor, firstSample, samples);
            }
        }

        /// What was seen of each of `values`, in that order; afterwards nothing is kept.
        Map<String, Observation> observations(List<String> values, boolean parallel) {
            Stream<String> all = parallel ? values.parallelStream() : values.stream();
            List<Observation> found = all.map(value -> {
                        Observer observer = observers.remove(value);
                        return observer == null ? Observation.NONE : observer.observation();
                    })
                    .toList();
            Map<String, Observation> observations = new LinkedHashMap<>();
            for (int i = 0; i < values.size(); i++) {
                observations.put(values.get(i), found.get(i));
            }
            return observations;
        }
    }
}
