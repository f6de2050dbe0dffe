package dev.nibble.bench;

import com.sun.management.OperatingSystemMXBean;
import dev.nibble.data.Batches;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.ValueInfo;
import dev.nibble.pipeline.PreparedModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.calibrate.Calibration;
import dev.nibble.pipeline.calibrate.Calibrator;
import dev.nibble.pipeline.calibrate.Ranges;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.place.Placement;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.Targets;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;

/// Calibration against plain float inference of the same samples: the same reading and preprocessing, the float file as
/// it is, ONNX Runtime with its default graph optimization, the model's own outputs fetched, all threads in one run.
/// The inference is given the batch size that suits it best; loading its model is not counted, while calibration pays
/// for its own. The two alternate, so that what else the machine does meets both.
final class CalibrationSpeed {
    private static final int[] BATCHES = {1, 8, 16};

    private final OrtExecutor executor = new OrtExecutor();
    private final BenchModel bench;
    private final int threads;
    private final int repetitions;
    private final Consumer<String> say;

    CalibrationSpeed(BenchModel bench, int threads, int repetitions, Consumer<String> say) {
        this.bench = bench;
        this.threads = threads;
        this.repetitions = repetitions;
        this.say = say;
    }

    /// Wall time and processor time.
    record Time(double wall, double cpu) {
        private static final OperatingSystemMXBean SYSTEM =
                (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

        static Time of(Runnable work) {
            long cpu = SYSTEM.getProcessCpuTime();
            long wall = System.nanoTime();
            work.run();
            return new Time((System.nanoTime() - wall) / 1e9, (SYSTEM.getProcessCpuTime() - cpu) / 1e9);
        }
    }

    /// What was measured of one model.
    ///
    /// @param inference of each repetition, at the best batch size
    /// @param calibration of each repetition; the first is the first of the process
    /// @param search all five range searches over all tensors, after the calibration
    record Result(
            BenchModel model,
            int threads,
            long samples,
            int observed,
            int batch,
            List<Time> inference,
            List<Time> calibration,
            Time search) {
        /// Of each repetition but the first, wall time.
        List<Double> wallRatios() {
            List<Double> ratios = new ArrayList<>();
            for (int i = 1; i < calibration.size(); i++) {
                ratios.add(calibration.get(i).wall() / inference.get(i).wall());
            }
            return ratios.stream().sorted().toList();
        }

        /// Of each repetition but the first, processor time.
        List<Double> cpuRatios() {
            List<Double> ratios = new ArrayList<>();
            for (int i = 1; i < calibration.size(); i++) {
                ratios.add(calibration.get(i).cpu() / inference.get(i).cpu());
            }
            return ratios.stream().sorted().toList();
        }

        double inferenceSeconds() {
            return inference.stream().mapToDouble(Time::wall).sorted().toArray()[inference.size() / 2];
        }
    }

    Result measure() {
        PreparedModel prepared =
                PreparedModel.read(bench.model(), bench.model().toString(), bench.shapes(), executor, Progress.none());
        PlacementPlan plan = Placement.plan(
                prepared.model(),
                Targets.find("sm8650").placementRules(),
                Setting.ALL.getFirst().precision());
        List<Time> inference = new ArrayList<>();
        List<Time> calibration = new ArrayList<>();
        List<Map<String, Observation>> last = new ArrayList<>();
        try (DataSet data = DataSet.open(
                bench.calibration().path(), bench.calibration().options(), PreparedModel.inputs(prepared.model()))) {
            int batch = best(prepared.original(), data);
            for (int i = 0; i <= repetitions; i++) {
                inference.add(infer(prepared.original(), data, batch));
                last.clear();
                calibration.add(Time.of(() -> last.add(observe(plan, data))));
                say.accept(String.format(
                        Locale.ROOT,
                        "%s, %d threads: inference %.2f s (batch %d), calibration %.2f s, ratio %.2f; cpu %.2f / %.2f",
                        bench.name(),
                        threads,
                        inference.getLast().wall(),
                        batch,
                        calibration.getLast().wall(),
                        calibration.getLast().wall() / inference.getLast().wall(),
                        calibration.getLast().cpu(),
                        inference.getLast().cpu()));
            }
            Map<String, Observation> observed = last.getLast();
            Time search = Time.of(() -> Ranges.search(
                    plan,
                    observed,
                    Calibrator.named("auto", RangeSearch.Percentile.DEFAULT_PERCENT)
                            .searches()));
            return new Result(
                    bench, threads, data.size(), plan.observed().size(), batch, inference, calibration, search);
        }
    }

    private Map<String, Observation> observe(PlacementPlan plan, DataSet data) {
        return Calibration.observe(
                plan.model(),
                plan.observed(),
                data,
                executor,
                threads,
                MeasureRow.MEMORY,
                0,
                new Doctor(),
                Progress.none());
    }

    private int best(Model model, DataSet data) {
        int best = 1;
        double least = Double.POSITIVE_INFINITY;
        for (int batch : BATCHES) {
            double seconds = infer(model, data, batch).wall();
            seconds = Math.min(seconds, infer(model, data, batch).wall());
            if (seconds < least) {
                least = seconds;
                best = batch;
            }
        }
        return best;
    }

    private Time infer(Model model, DataSet data, int batch) {
        List<String> outputs =
                model.graph().outputs().stream().map(ValueInfo::name).toList();
        try (Executor.Session session =
                executor.open(model, outputs, new Executor.Options(threads, Executor.Optimization.DEFAULT))) {
            return Time.of(() -> {
                try (Batches batches = data.batches(batch)) {
                    while (batches.hasNext()) {
                        session.run(batches.next().inputs());
                    }
                }
            });
        }
    }
}
