package dev.nibble.pipeline.calibrate;

import dev.nibble.data.DataSet;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.pipeline.Progress;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Means of values over samples, position by position.
public final class InputMeans {
    /// A mean over these many samples is off by an eighth of the values' spread, and far less after a layer has summed
    /// hundreds of them.
    private static final int SAMPLES = 64;

    private InputMeans() {}

    /// The mean of each of `values` over evenly chosen samples. A value whose shape differs between samples is absent.
    public static Map<String, Tensor> of(
            Model model,
            Set<String> values,
            DataSet data,
            Executor executor,
            Executor.Options options,
            Progress progress) {
        Map<String, double[]> sums = new LinkedHashMap<>();
        Map<String, Shape> shapes = new LinkedHashMap<>();
        long samples = Math.min(SAMPLES, data.size());
        List<String> fetched =
                values.stream().filter(value -> !model.graph().isInput(value)).toList();
        try (Progress.Stage stage = progress.begin("measuring means", samples);
                Executor.Session session = executor.open(model, fetched, options)) {
            for (long i = 0; i < samples; i++) {
                Map<String, Tensor> inputs = data.sample(i * data.size() / samples);
                Map<String, Tensor> seen = session.run(inputs);
                for (String value : values) {
                    Tensor tensor = seen.getOrDefault(value, inputs.get(value));
                    if (tensor != null && tensor.type() == DataType.FLOAT) {
                        add(sums, shapes, value, tensor);
                    }
                }
                stage.advance();
            }
        }
        Map<String, Tensor> means = new LinkedHashMap<>();
        sums.forEach((value, sum) -> {
            float[] mean = new float[sum.length];
            for (int i = 0; i < mean.length; i++) {
                mean[i] = (float) (sum[i] / samples);
            }
            Shape shape = shapes.get(value);
            if (shape != null) {
                means.put(value, Tensor.of(shape, mean));
            }
        });
        return means;
    }

    private static void add(Map<String, double[]> sums, Map<String, Shape> shapes, String value, Tensor tensor) {
        Shape before = shapes.putIfAbsent(value, tensor.shape());
        if (before != null && !before.equals(tensor.shape())) {
            sums.remove(value);
            return;
        }
        if (before != null && !sums.containsKey(value)) {
            return;
        }
        double[] sum = sums.computeIfAbsent(value, v -> new double[Math.toIntExact(tensor.elements())]);
        for (int i = 0; i < sum.length; i++) {
            sum[i] += tensor.data().get(Tensor.FLOAT_LE, 4L * i);
        }
    }
}
