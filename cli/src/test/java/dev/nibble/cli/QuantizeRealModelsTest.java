package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.data.InputSpec;
import dev.nibble.data.Layout;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.run.OrtExecutor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `quantize` on trained models and labelled data: the accuracy that is promised, on the file that was written.
@Tag("slow")
class QuantizeRealModelsTest {
    /// The most that W8A8 per channel may lose on the ResNets and on MobileNetV1, in points.
    private static final String RESNET_GATE = "0.2";

    private static final String MOBILENET_GATE = "1.7";

    /// Published for these weights on all 10,000 images; 5,000 of them differ by sampling (two standard errors).
    private static final double SAMPLING = 0.9;

    private static final Set<String> FLOAT_KERNELS =
            Set.of("Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "Add", "Relu", "AveragePool");

    @TempDir
    private Path directory;

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            delimiter = '|',
            value = {
                "mlperftiny_resnet8_cifar10 | - | - | 87.19",
                "cifar10_resnet20 | 123.675,116.28,103.53 | 58.395,57.12,57.375 | 91.73",
            })
    void theResNetsKeepTheirAccuracy(
            String model,
            @org.jspecify.annotations.Nullable String mean,
            @org.jspecify.annotations.Nullable String std,
            double published)
            throws IOException {
        List<String> arguments = new ArrayList<>(List.of(
                "quantize",
                shared("assets/models/" + model + ".onnx"),
                "--data",
                shared("assets/data/cifar10_train5k_images.npy"),
                "--layout",
                "nhwc",
                "--every",
                "9",
                "--take",
                "512",
                "--eval-data",
                shared("assets/data/cifar10_test5k_images.npy"),
                "--eval-labels",
                shared("assets/data/cifar10_test5k_labels.npy"),
                "--max-drop",
                RESNET_GATE,
                "--out",
                "out",
                "--format",
                "json"));
        if (mean != null && std != null) {
            arguments.addAll(List.of("--mean", mean, "--std", std));
        }
        JsonNode json = run(arguments);
        assertEquals(published, json.at("/metric/float").asDouble() * 100, SAMPLING);
        assertEquals(5000, json.at("/metric/n").asInt());
        if (mean == null) {
            runsInIntegerKernels();
        }
    }

    private void runsInIntegerKernels() {
        InputSpec input = new InputSpec("input", DataType.FLOAT, new long[] {-1, 3, 32, 32});
        Path images = Path.of(shared("assets/data/cifar10_test5k_images.npy"));
        try (DataSet data = DataSet.open(images, DataOptions.NONE.withLayout(Layout.NHWC), List.of(input))) {
            Set<String> kernels = new OrtExecutor()
                    .profile(
                            ModelReader.read(directory.resolve("out/model.qdq.onnx")),
                            data.sample(0),
                            new Executor.Options(1, Executor.Optimization.DEFAULT))
                    .counts()
                    .keySet();
            assertTrue(kernels.contains("QLinearConv"), kernels.toString());
            assertTrue(kernels.stream().noneMatch(FLOAT_KERNELS::contains), kernels.toString());
        }
    }

    @Test
    void mobileNetKeepsItsAccuracyAndItsFileIsSmall() throws IOException {
        JsonNode json = run(List.of(
                "quantize",
                shared("assets/models/imagenet_mobilenetv1_075_224.onnx"),
                "--data",
                shared("assets/data/nips17_224.zip"),
                "--mean",
                "127.5",
                "--std",
                "127.5",
                "--take",
                "300",
                "--eval-skip",
                "300",
                "--max-drop",
                MOBILENET_GATE,
                "--out",
                "out",
                "--format",
                "json"));
        assertEquals(700, json.at("/metric/n").asInt());
        double share = (double) Files.size(directory.resolve("out/model.qdq.onnx"))
                / Files.size(Path.of(shared("assets/models/imagenet_mobilenetv1_075_224.onnx")));
        assertTrue(share <= 0.30, "W8 takes " + share + " of the float file");
    }

    @Test
    void fourBitsArePackedAndACollapseIsTheFirstLine() throws IOException {
        String model = shared("assets/models/imagenet_mobilenetv1_075_224.onnx");
        CommandLineRun run = CommandLineRun.of(
                directory,
                "quantize",
                model,
                "--data",
                shared("assets/data/nips17_224.zip"),
                "--mean",
                "127.5",
                "--std",
                "127.5",
                "--take",
                "16",
                "--eval-skip",
                "300",
                "--eval-take",
                "60",
                "--weights-bitwidth",
                "4",
                "--weight-granularity",
                "tensor",
                "--out",
                "out");
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.out().matches("(?s)W4A8 (has collapsed|is at chance level).*"), run.out());
        double share = (double) Files.size(directory.resolve("out/model.qdq.onnx")) / Files.size(Path.of(model));
        assertTrue(share <= 0.18, "W4 takes " + share + " of the float file");
    }

    @Test
    void keywordSpottingFromStoredBytes() throws IOException {
        JsonNode json = run(List.of(
                "quantize",
                shared("assets/models/mlperftiny_kws_dscnn.onnx"),
                "--data",
                shared("assets/data/kws01_mfcc_int8.npy"),
                "--labels",
                shared("assets/data/kws01_labels.npy"),
                "--scale",
                "0.5847029",
                "--mean",
                "48.5303407",
                "--take",
                "200",
                "--eval-skip",
                "200",
                "--max-drop",
                "1",
                "--out",
                "out",
                "--format",
                "json"));
        assertEquals(89.75, json.at("/metric/float").asDouble() * 100, 0.2);
        assertEquals(800, json.at("/metric/n").asInt());
    }

    private JsonNode run(List<String> arguments) {
        CommandLineRun run = CommandLineRun.of(directory, arguments.toArray(String[]::new));
        assertEquals(0, run.exitCode(), run.err());
        assertFalse(run.out().isEmpty());
        return JsonMapper.shared().readTree(run.out());
    }

    private static String shared(String name) {
        String configured = System.getenv("NIBBLE_SHARED");
        if (configured != null && Files.exists(Path.of(configured, name))) {
            return Path.of(configured, name).toString();
        }
        for (Path at = Path.of("").toAbsolutePath(); at.getParent() != null; at = at.getParent()) {
            Path found = at.resolveSibling("shared").resolve(name);
            if (Files.exists(found)) {
                return found.toString();
            }
        }
        return Assumptions.abort("the shared data has no " + name + " here");
    }
}
