package dev.nibble.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Executor.Optimization;
import dev.nibble.graph.Executor.Options;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.io.ModelReader;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class KernelProfileTest {
    private final OrtExecutor executor = new OrtExecutor();

    @Test
    void showsFusingAndItsAbsence() {
        Map<String, Tensor> x = Map.of("x", OrtExecutorTest.random(1, 1, 2, 4, 4));
        Model model = SmallModels.convRelu();
        assertEquals(
                Map.of("Conv", 1, "Relu", 1),
                executor.profile(model, x, new Options(1, Optimization.OFF)).counts());
        Map<String, Integer> fused =
                executor.profile(model, x, new Options(1, Optimization.DEFAULT)).counts();
        assertTrue(!fused.containsKey("Relu"), fused.toString());
    }

    /// ResNet-8 of nine convolutions, quantized W8A8 with unsigned activations.
    @Test
    void seesIntegerKernelsOfAQdqModel() {
        Model model = ModelReader.read(SharedFiles.path("interop/aimet/w8a8_pc_minmax.qdq.onnx"));
        String input = model.graph().feeds().getFirst().name();
        Shape declared = model.graph()
                .feeds()
                .getFirst()
                .tensorType()
                .flatMap(t -> t.shape())
                .orElse(Shape.of(1, 3, 32, 32));
        Map<String, Tensor> x = Map.of(input, OrtExecutorTest.random(1, declared.dims()));
        KernelProfile optimized = executor.profile(model, x, new Options(1, Optimization.DEFAULT));
        assertEquals(
                9, optimized.counts().get("QLinearConv"), optimized.counts().toString());
        assertTrue(!optimized.counts().containsKey("Conv"), optimized.counts().toString());
        assertEquals("CPUExecutionProvider", optimized.kernels().getFirst().provider());
        KernelProfile plain = executor.profile(model, x, new Options(1, Optimization.OFF));
        assertTrue(!plain.counts().containsKey("QLinearConv"), plain.counts().toString());
    }

    @Test
    void refusesWhatIsNoProfile() {
        for (String text : List.of("", "{}", "[{\"cat\":", "[1,2")) {
            assertThrows(NibbleException.class, () -> KernelProfile.parse(text, "'p.json'"), text);
        }
        assertEquals(
                List.of(),
                KernelProfile.parse("[{\"cat\":\"Session\"}, 3]", "'p.json'").kernels());
    }

    @Test
    void tellsProcessorsThatSaturate() {
        CpuFeatures old = CpuFeatures.of("amd64", "model name\t: Old\nflags\t\t: fpu sse avx2 avx512f\n");
        assertEquals("Old", old.model());
        assertTrue(old.saturatesU8S8());
        assertTrue(old.caution().orElse("").contains("VNNI"));
        CpuFeatures recent = CpuFeatures.of("amd64", "flags\t: fpu avx512_vnni\n");
        assertEquals(Optional.of(true), recent.vnni());
        assertTrue(recent.caution().isEmpty());
        assertTrue(CpuFeatures.of("aarch64", "Features\t: fp asimd\n").vnni().isEmpty());
        assertEquals(System.getProperty("os.arch"), CpuFeatures.here().architecture());
    }

    @Test
    void seesEveryShape() {
        ObservedShapes seen =
                ObservedShapes.of(SmallModels.convRelu(), executor, Map.of("x", OrtExecutorTest.random(1, 5, 2, 4, 4)));
        assertEquals(
                Map.of("x", Shape.of(5, 2, 4, 4), "conv", Shape.of(5, 3, 4, 4), "y", Shape.of(5, 3, 4, 4)),
                seen.shapes());
        assertEquals(Map.of(), seen.unseen());
    }
}
