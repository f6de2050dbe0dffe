package dev.nibble.graph.pass;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Model;
import dev.nibble.graph.Shape;
import dev.nibble.graph.SharedData;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelReader;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Published models: what the passes find in them, and that they still compute the same.
class RealModelsTest {
    /// Float32 through tens of layers: folding moves roundings of 6e-8 each; 1e-4 of the largest output is far above
    /// what they add up to and far below what a wrong rewrite would show.
    private static final SimplifyCheck.Tolerance DEEP = new SimplifyCheck.Tolerance(1e-4, 1e-5);

    private static Simplify.Result simplify(Model model, long newest) {
        return new Simplify(Passes.all(new TestExecutor(), newest)).apply(model);
    }

    private static Map<String, Integer> ops(Model model) {
        Map<String, Integer> counts = new TreeMap<>();
        model.graph().nodes().forEach(n -> counts.merge(n.opType(), 1, Integer::sum));
        return counts;
    }

    @ParameterizedTest
    @CsvSource({
        "cifar10_resnet20.onnx,19,0",
        "mlperftiny_resnet8_cifar10.onnx,9,0",
        "mlperftiny_kws_dscnn.onnx,9,0",
    })
    void foldsNormalizationsOfConvolutionNetworks(String file, int convs, int norms) {
        Model model = ModelReader.read(SharedData.path("assets/models/" + file));
        Model simplified = simplify(model, 21).model();
        assertEquals(
                convs,
                ops(simplified).getOrDefault("Conv", 0),
                () -> ops(simplified).toString());
        assertEquals(norms, ops(simplified).getOrDefault("BatchNormalization", 0));
        compare(model, simplified);
    }

    @Test
    void fusesTheLanguageModelsRmsNorms() {
        Model model = ModelReader.read(SharedData.path("assets/models/llm_stories260K.onnx"));
        Model simplified = simplify(model, 23).model();
        // Two a block in five blocks, and one at the end.
        assertEquals(
                11,
                ops(simplified).getOrDefault("RMSNormalization", 0),
                () -> ops(simplified).toString());
        compare(model, simplified);
    }

    @ParameterizedTest
    @Tag("slow")
    @CsvSource({
        "ch_PP-OCRv4_rec_infer.onnx,48,320,5",
        "ch_PP-OCRv3_rec_infer.onnx,48,320,5",
        "ch_PP-OCRv4_det_infer.onnx,64,64,0"
    })
    void simplifiesTextRecognition(String file, int height, int width, int layerNorms) throws IOException {
        Model model = bundled(file);
        Simplify.Result result = simplify(model, 21);
        Map<String, Integer> ops = ops(result.model());
        assertEquals(0, ops.getOrDefault("BatchNormalization", 0), ops::toString);
        assertEquals(0, ops.getOrDefault("Constant", 0), ops::toString);
        assertEquals(layerNorms, ops.getOrDefault("LayerNormalization", 0), ops::toString);
        ValueInfo input = model.graph().feeds().getFirst();
        float[] values = new float[3 * height * width];
        Random random = new Random(3);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        SimplifyCheck.Verdict verdict = SimplifyCheck.compare(
                model,
                result.model(),
                new TestExecutor(),
                Map.of(input.name(), Tensor.of(Shape.of(1, 3, height, width), values)),
                DEEP);
        assertTrue(verdict.within(), verdict::toString);
    }

    private static Model bundled(String file) throws IOException {
        try (InputStream in = RealModelsTest.class.getResourceAsStream("/models/" + file)) {
            byte[] bytes = Objects.requireNonNull(in, file).readAllBytes();
            return ModelReader.read(MemorySegment.ofArray(bytes), file, null);
        }
    }

    /// Without weights: what is found and put in its place. MobileNetV3 was exported with whole HardSwish.
    @ParameterizedTest
    @CsvSource({
        "bert_base_uncased_hf.onnx,26,13,0",
        "convnext_tiny.onnx,23,18,0",
        "vit.onnx,25,12,0",
        "openai_clip.onnx,51,0,0",
        "mobilenet_v3_large.onnx,0,0,21",
    })
    void fusesTopologies(String file, int layerNorms, int gelus, int hardSwishes) {
        Model model = ModelReader.read(SharedData.path("npu/topologies/" + file));
        Simplify.Result result = new Simplify(Passes.all(null, 21)).apply(model);
        Map<String, Integer> ops = ops(result.model());
        assertEquals(layerNorms, ops.getOrDefault("LayerNormalization", 0), ops::toString);
        assertEquals(gelus, ops.getOrDefault("Gelu", 0), ops::toString);
        assertEquals(hardSwishes, ops.getOrDefault("HardSwish", 0), ops::toString);
        assertEquals(0, ops.getOrDefault("Identity", 0), ops::toString);
        assertEquals(
                gelus > 0 ? 20 : layerNorms > 0 ? 17 : model.opset(),
                result.model().opset());
    }

    /// The order of the passes matters to none of them: a second application finds nothing.
    @Test
    void settles() {
        Model model = ModelReader.read(SharedData.path("npu/topologies/vit.onnx"));
        Model once = new Simplify(Passes.all(null, 21)).apply(model).model();
        Simplify.Result twice = new Simplify(Passes.all(null, 21)).apply(once);
        assertEquals(
                Set.of(),
                Set.copyOf(twice.passes().stream()
                        .flatMap(p -> p.changes().stream())
                        .toList()));
    }

    private static void compare(Model before, Model after) {
        SimplifyCheck.Verdict verdict = SimplifyCheck.compare(
                before, after, new TestExecutor(), SimplifyCheck.inputs(before, new Random(1)), DEEP);
        assertTrue(verdict.within(), verdict::toString);
    }
}
