package dev.nibble.quant.export;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.quant.Shared;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.target.HtpArch;
import dev.nibble.target.QuantSimConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RealModelsTest {
    static List<Map<String, Tensor>> cifar(int from, int every, int count) throws IOException {
        byte[] images = Npy.bytes(Shared.path("assets/data/cifar10_train5k_images.npy"));
        List<Map<String, Tensor>> samples = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            samples.add(Map.of("input", image(images, from + i * every)));
        }
        return samples;
    }

    static Tensor image(byte[] images, int index) {
        float[] values = new float[3072];
        for (int p = 0; p < 1024; p++) {
            for (int c = 0; c < 3; c++) {
                values[c * 1024 + p] = images[index * 3072 + p * 3 + c] & 0xFF;
            }
        }
        return Tensor.of(Shape.of(1, 3, 32, 32), values);
    }

    static int argMax(float[] values) {
        int best = 0;
        for (int i = 1; i < values.length; i++) {
            best = values[i] > values[best] ? i : best;
        }
        return best;
    }

    static double accuracy(Model model, int count, boolean optimized) throws IOException {
        byte[] images = Npy.bytes(Shared.path("assets/data/cifar10_test5k_images.npy"));
        byte[] labels = Npy.bytes(Shared.path("assets/data/cifar10_test5k_labels.npy"));
        int right = 0;
        try (OrtRun run = OrtRun.open(model, List.of("logits"), optimized)) {
            for (int i = 0; i < count; i++) {
                if (argMax(run.floats(Map.of("input", image(images, i)))) == labels[i]) {
                    right++;
                }
            }
        }
        return 100.0 * right / count;
    }

    @Test
    void resnet8AtW8A8RunsInIntegerKernels(@TempDir Path folder) throws IOException {
        Model model = ModelReader.read(Shared.path("interop/aimet/fp32_bnfold.onnx"));
        Calibrated calibrated = Calibrated.of(
                model,
                QuantSimConfig.htp(HtpArch.V75),
                Precision.of(8, WeightGranularity.CHANNEL, 8),
                cifar(0, 9, 128));
        Model qdq = calibrated.qdq(Boundary.FLOAT);
        ModelWriter.write(qdq, Path.of("/tmp/r8.onnx"));
        Path saved = folder.resolve("optimized.onnx");
        OrtRun.open(qdq, List.of("logits"), true, saved).close();
        Map<String, Long> ops = ModelReader.read(saved).graph().nodes().stream()
                .collect(Collectors.groupingBy(Node::opType, Collectors.counting()));
        System.out.println(ops + " " + qdq.graph().nodes().size());
        System.out.println("float " + accuracy(model, 1000, true) + " off " + accuracy(qdq, 1000, false) + " default "
                + accuracy(qdq, 1000, true));
        assertTrue(ops.getOrDefault("Conv", 0L) == 0);
    }
}
