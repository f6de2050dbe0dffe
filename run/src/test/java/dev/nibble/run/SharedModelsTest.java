package dev.nibble.run;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Executor.Optimization;
import dev.nibble.graph.Executor.Options;
import dev.nibble.graph.Model;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.io.ModelReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Real models.
class SharedModelsTest {
    private static final float[] MEAN = {123.675f, 116.28f, 103.53f};
    private static final float[] STD = {58.395f, 57.12f, 57.375f};

    private final OrtExecutor executor = new OrtExecutor();

    /// ONNX Runtime, given the file as it is, gives the same bits.
    @ParameterizedTest
    @CsvSource({
        "cifar10_resnet20, 2, 3, 32, 32",
        "mlperftiny_kws_dscnn, 3, 1, 49, 10",
        "imagenet_mobilenetv1_075_224, 1, 3, 224, 224"
    })
    void givesWhatOnnxRuntimeGivesAlone(String name, long n, long c, long h, long w) throws OrtException {
        Model model = ModelReader.read(SharedFiles.model(name));
        String input = model.graph().feeds().getFirst().name();
        String output = model.graph().outputs().getFirst().name();
        Tensor x = OrtExecutorTest.random(7, n, c, h, w);
        float[] expected;
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (OrtSession.SessionOptions settings = new OrtSession.SessionOptions()) {
            settings.setIntraOpNumThreads(1);
            try (OrtSession session =
                            environment.createSession(SharedFiles.model(name).toString(), settings);
                    OnnxTensor fed = OnnxTensor.createTensor(
                            environment,
                            FloatBuffer.wrap(x.toFloats()),
                            x.shape().dims());
                    OrtSession.Result result = session.run(Map.of(input, fed))) {
                FloatBuffer values = ((OnnxTensor) result.get(0)).getFloatBuffer();
                expected = new float[values.remaining()];
                values.get(expected);
            }
        }
        try (OrtModel session = executor.open(model, List.of(output), new Options(1, Optimization.DEFAULT))) {
            assertArrayEquals(
                    expected,
                    Objects.requireNonNull(session.run(Map.of(input, x)).get(output))
                            .toFloats());
        }
    }

    /// All 10,000 images give 91.73 %; the first 5,000, which are at hand, 91.48 %.
    @Test
    @Tag("slow")
    void reachesThePublishedAccuracyOfResnet20() {
        Model model = ModelReader.read(SharedFiles.model("cifar10_resnet20"));
        MemorySegment images = SharedFiles.npy("cifar10_test5k_images");
        MemorySegment labels = SharedFiles.npy("cifar10_test5k_labels");
        String input = model.graph().feeds().getFirst().name();
        String output = model.graph().outputs().getFirst().name();
        int batch = 50;
        int samples = 5000;
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = arena.allocate(batch * 3072L * 4, 64);
            Iterator<SampleBatch> batches = IntStream.range(0, samples / batch)
                    .mapToObj(b -> {
                        normalize(images, b * batch, batch, memory);
                        return new SampleBatch(
                                (long) b * batch,
                                batch,
                                Map.of(input, new Tensor(DataType.FLOAT, Shape.of(batch, 3, 32, 32), memory)));
                    })
                    .iterator();
            List<int[]> correct = List.of(new int[1], new int[1]);
            List<TensorConsumer> consumers = new ArrayList<>();
            correct.forEach(count -> consumers.add((value, logits, first, n) -> {
                for (int s = 0; s < n; s++) {
                    int best = 0;
                    for (int k = 1; k < 10; k++) {
                        best = logits.floatAt(s * 10L + k) > logits.floatAt(s * 10L + best) ? k : best;
                    }
                    count[0] += best == labels.get(ValueLayout.JAVA_BYTE, first + s) ? 1 : 0;
                }
            }));
            StreamedRun.over(
                    executor,
                    model,
                    List.of(output),
                    Map.of(),
                    Optimization.OFF,
                    new StreamPlan(2, 1, batch, 1),
                    batches,
                    consumers);
            // Two images are a rounding of the logits away from another answer.
            assertEquals(4574, correct.get(0)[0] + correct.get(1)[0], 2);
        }
    }

    private static void normalize(MemorySegment images, int from, int count, MemorySegment into) {
        for (int s = 0; s < count; s++) {
            for (int c = 0; c < 3; c++) {
                for (int p = 0; p < 1024; p++) {
                    int stored = images.get(ValueLayout.JAVA_BYTE, (from + s) * 3072L + p * 3L + c) & 0xFF;
                    into.set(Tensor.FLOAT_LE, (s * 3072L + c * 1024L + p) * 4, (stored - MEAN[c]) / STD[c]);
                }
            }
        }
    }
}
