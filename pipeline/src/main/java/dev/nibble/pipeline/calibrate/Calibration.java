package dev.nibble.pipeline.calibrate;

import dev.nibble.data.Batch;
import dev.nibble.data.Batches;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.Progress;
import dev.nibble.quant.observe.Observation;
import dev.nibble.quant.observe.Observer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// One pass over the samples, after which every calibrator is ready.
public final class Calibration {
    private Calibration() {}

    /// Observes `values` while the float model runs over all of `data`.
    ///
    /// @param values graph inputs or intermediate values; only these are fetched, so that the executor's fused kernels
    ///     stay fused everywhere else
    /// @param doctor looks at each sample as it goes by
    public static Map<String, Observation> observe(
            Model model,
            List<String> values,
            DataSet data,
            Executor executor,
            Executor.Options options,
            int batch,
            Doctor doctor,
            Progress progress) {
        Graph graph = model.graph();
        Map<String, Observer> observers = new LinkedHashMap<>();
        values.forEach(value -> observers.put(value, new Observer()));
        List<String> fetched =
                values.stream().filter(value -> !graph.isInput(value)).toList();
        try (Progress.Stage stage = progress.begin("calibrating", data.size());
                Executor.Session session = executor.open(model, fetched, options);
                Batches batches = data.batches(batch, doctor)) {
            while (batches.hasNext()) {
                Batch next = batches.next();
                Map<String, Tensor> seen = session.run(next.inputs());
                observers.forEach((value, observer) -> {
                    Tensor tensor = seen.get(value);
                    tensor = tensor == null ? next.inputs().get(value) : tensor;
                    if (tensor != null) {
                        observer.observe(tensor, next.first(), next.size());
                    }
                });
                stage.advance(next.size());
            }
        }
        Map<String, Observation> observations = new LinkedHashMap<>();
        observers.forEach((value, observer) -> observations.put(value, observer.observation()));
        return observations;
    }
}
