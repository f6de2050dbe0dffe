package dev.nibble.pipeline.simplify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.pass.Passes;
import dev.nibble.graph.pass.Simplify;
import dev.nibble.graph.pass.SimplifyCheck;
import dev.nibble.run.OrtExecutor;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// The passes with the runtime that the command line gives them.
class SimplifyWithRuntimeTest {
    @Test
    void simplifiesTheTextClassifier() throws IOException {
        Model model;
        try (InputStream in = getClass().getResourceAsStream("/models/ch_ppocr_mobile_v2.0_cls_infer.onnx")) {
            byte[] bytes = Objects.requireNonNull(in).readAllBytes();
            model = ModelReader.read(MemorySegment.ofArray(bytes), "cls", null);
        }
        Executor executor = new OrtExecutor();
        Model simplified = new Simplify(Passes.all(executor, 21)).apply(model).model();
        assertEquals(
                0,
                simplified.graph().nodes().stream()
                        .filter(n -> n.isAny("BatchNormalization", "Constant", "Identity", "Dropout"))
                        .count());
        float[] values = new float[3 * 48 * 192];
        Random random = new Random(3);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        SimplifyCheck.Verdict verdict = SimplifyCheck.compare(
                model,
                simplified,
                executor,
                Map.of(model.graph().feeds().getFirst().name(), Tensor.of(Shape.of(1, 3, 48, 192), values)),
                SimplifyCheck.Tolerance.DEFAULT);
        assertTrue(verdict.within(), verdict::toString);
    }
}
