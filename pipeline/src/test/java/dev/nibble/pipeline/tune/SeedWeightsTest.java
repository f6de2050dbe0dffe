package dev.nibble.pipeline.tune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.pass.SimplifyCheck;
import dev.nibble.graph.shape.BindShapes;
import dev.nibble.run.OrtExecutor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Models with made-up weights can prove something: what is fed decides what comes out, and rounding does not.
@Tag("slow")
class SeedWeightsTest {
    /// A step of a float at 1 is 10⁻⁷; it may grow by 100, which is a tenth of what a proof allows.
    private static final float ROUNDING = 1e-6f;

    private static final double MOST_MOVED = 1e-4;

    /// Another input moves the output by at least this part of its largest value.
    private static final double LEAST_MOVED = 0.01;

    @ParameterizedTest
    @ValueSource(strings = {"efficientnet_b4", "mobilenet_v2", "shufflenet_v2", "vit", "convnext_tiny", "resnet18"})
    void outputsFollowInputsAndNotRounding(String graph) {
        Model model = filled(graph);
        Map<String, Tensor> inputs = SimplifyCheck.inputs(model, new Random(0));
        Map<String, Tensor> others = SimplifyCheck.inputs(model, new Random(1));
        Map<String, Tensor> nudged = new LinkedHashMap<>(inputs);
        nudged.replaceAll((name, tensor) -> nudged(tensor));
        Map<String, Tensor> outputs = run(model, inputs);
        double moved = difference(run(model, others), outputs);
        double rounded = difference(run(model, nudged), outputs);
        assertTrue(moved > LEAST_MOVED, () -> "another input moves " + graph + " by " + moved);
        assertTrue(rounded < MOST_MOVED, () -> "rounding moves " + graph + " by " + rounded);
    }

    private static Model filled(String graph) {
        Path file = topology(graph);
        SeedWeights seeded = SeedWeights.of(ModelReader.read(file, ModelReader.Weights.MAY_BE_MISSING), 0);
        assertTrue(seeded.made() > 0);
        assertEquals(0, SeedWeights.of(seeded.model(), 0).made());
        return BindShapes.bind(seeded.model(), Map.of()).requireStatic();
    }

    private static Tensor nudged(Tensor tensor) {
        if (tensor.type() != DataType.FLOAT) {
            return tensor;
        }
        float[] values = new float[Math.toIntExact(tensor.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = tensor.floatAt(i) * (1 + (i % 2 == 0 ? ROUNDING : -ROUNDING));
        }
        return Tensor.of(tensor.shape(), values);
    }

    private static Map<String, Tensor> run(Model model, Map<String, Tensor> inputs) {
        List<String> names = model.graph().outputs().stream().map(o -> o.name()).toList();
        Map<String, Tensor> copies = new LinkedHashMap<>();
        try (Executor.Session session =
                new OrtExecutor().open(model, names, new Executor.Options(1, Executor.Optimization.OFF))) {
            session.run(inputs).forEach((name, tensor) -> copies.put(name, tensor.copy()));
        }
        return copies;
    }

    private static double difference(Map<String, Tensor> some, Map<String, Tensor> others) {
        return some.entrySet().stream()
                .mapToDouble(e -> SimplifyCheck.difference(
                                e.getKey(),
                                e.getValue(),
                                others.getOrDefault(e.getKey(), e.getValue()),
                                SimplifyCheck.Tolerance.DEFAULT)
                        .maxRelative())
                .max()
                .orElseThrow();
    }

    private static Path topology(String graph) {
        String configured = System.getenv("NIBBLE_SHARED");
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            Path shared = configured == null ? at.resolve("shared") : Path.of(configured);
            Path file = shared.resolve("npu/topologies").resolve(graph + ".onnx");
            if (Files.exists(file)) {
                return file;
            }
        }
        return Assumptions.abort("the shared data has no graph " + graph + " here");
    }
}
