package dev.nibble.pipeline;

import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.pipeline.calibrate.Calibrator;
import dev.nibble.pipeline.memory.MemoryBudget;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.pipeline.recover.CapsTrial;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.measure.SignalToNoise;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.target.PlacementRules;
import java.util.List;
import java.util.Map;

/// Tries candidates with the run's own precision, rules and ranges, on some of its samples. Weights are rounded to
/// nearest and biases corrected, whatever the recipe does: deciding weights takes ten times as long.
record QuantizedTrial(
        PlacementRules rules,
        Precision precision,
        Calibrator calibrator,
        RangeSearch parameters,
        DataSet data,
        Executor executor,
        int threads,
        MemoryBudget memory,
        int batch,
        Progress progress)
        implements CapsTrial {
    /// Samples that a candidate is calibrated on.
    private static final long CALIBRATED = 64;

    /// Samples that candidates are compared on.
    private static final long COMPARED = 32;

    @Override
    public String follows() {
        return List.of(rules, precision, calibrator, parameters).toString();
    }

    @Override
    @SuppressWarnings("MustBeClosedChecker") // reads from the run's own samples, which are closed by who opened them
    public double sqnrDb(Model model, Model candidate) {
        QuantizedModel quantized = QuantizedModel.of(
                candidate,
                rules,
                precision,
                calibrator,
                parameters,
                Recipe.DEFAULT,
                Boundary.FLOAT,
                data.spread(CALIBRATED),
                executor,
                threads,
                memory,
                batch,
                new Doctor(),
                RunDirectory.NONE,
                Progress.none());
        List<String> outputs =
                model.graph().outputs().stream().map(ValueInfo::name).toList();
        DataSet compared = data.spread(COMPARED);
        SignalToNoise sum = SignalToNoise.NONE;
        Executor.Options off = new Executor.Options(threads, Executor.Optimization.OFF);
        try (Progress.Stage stage = progress.begin("comparing caps", compared.size());
                Executor.Session exact = executor.open(model, outputs, off);
                Executor.Session rounded = executor.open(quantized.export().model(), outputs, off)) {
            for (long i = 0; i < compared.size(); i++) {
                Map<String, Tensor> inputs = compared.sample(i);
                Map<String, Tensor> expected = exact.run(inputs);
                Map<String, Tensor> received = rounded.run(inputs);
                for (String output : outputs) {
                    Tensor reference = expected.get(output);
                    Tensor got = received.get(output);
                    if (reference != null && got != null && reference.type() == dev.nibble.graph.DataType.FLOAT) {
                        sum = sum.plus(SignalToNoise.of(reference, got));
                    }
                }
                stage.advance(1);
            }
        }
        return sum.decibels();
    }
}
