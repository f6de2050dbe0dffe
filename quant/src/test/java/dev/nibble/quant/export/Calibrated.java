package dev.nibble.quant.export;

import dev.nibble.graph.Model;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.place.Placement;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.Quantization;
import dev.nibble.quant.place.QuantizeModel;
import dev.nibble.target.PlacementRules;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// A plan filled with min-max ranges measured by ONNX Runtime.
public record Calibrated(PlacementPlan plan, Quantization quantization) {
    public static Calibrated of(
            Model model, PlacementRules rules, Precision precision, List<Map<String, Tensor>> samples) {
        PlacementPlan plan = Placement.plan(model, rules, precision);
        return of(plan, samples);
    }

    public static Calibrated of(PlacementPlan plan, List<Map<String, Tensor>> samples) {
        Map<String, float[]> ranges = new HashMap<>();
        LinkedHashSet<String> fetched = new LinkedHashSet<>(plan.observed());
        plan.model().graph().feeds().forEach(f -> fetched.remove(f.name()));
        try (OrtRun run = OrtRun.open(plan.model(), List.copyOf(fetched), false)) {
            for (Map<String, Tensor> sample : samples) {
                Map<String, Tensor> values = new HashMap<>(run.run(sample));
                values.putAll(sample);
                for (String name : plan.observed()) {
                    float[] range = ranges.computeIfAbsent(name, n -> new float[2]);
                    for (float value : Objects.requireNonNull(values.get(name)).toFloats()) {
                        range[0] = Math.min(range[0], value);
                        range[1] = Math.max(range[1], value);
                    }
                }
            }
        }
        Map<String, Encoding> encodings = new HashMap<>();
        plan.observedBySource().forEach((source, names) -> {
            float min = 0;
            float max = 0;
            for (String name : names) {
                float[] range = Objects.requireNonNull(ranges.get(name));
                min = Math.min(min, range[0]);
                max = Math.max(max, range[1]);
            }
            var scheme = plan.activation(source).orElseThrow().scheme();
            encodings.put(source, Encoding.ofRange(min, max, scheme.bits(), scheme.symmetry()));
        });
        return new Calibrated(plan, QuantizeModel.apply(plan, encodings).quantization());
    }

    public Model qdq(Boundary boundary) {
        return QdqExport.export(plan, quantization, boundary).model();
    }
}
