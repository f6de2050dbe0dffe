package dev.nibble.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.data.Layout;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.io.ModelWriter;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.quant.export.Boundary;
import dev.nibble.quant.measure.SignalToNoise;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.quant.weight.BatchNormStatistics;
import dev.nibble.quant.weight.CorrectBias;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.Targets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Weights alone, without a sample: biases are corrected by what batch norms say.
class WithoutSamplesTest {
    /// In dB, of 0.34 measured on these 64 images: the means that batch norms imply are rough behind residual sums.
    private static final double LEAST_GAIN = 0.2;

    private final OrtExecutor executor = new OrtExecutor();

    private static Path shared(String path) {
        for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
            Path file = folder.resolve("shared/assets").resolve(path);
            if (Files.exists(file)) {
                return file;
            }
        }
        Assumptions.abort("shared/assets/" + path + " is not there");
        throw new AssertionError();
    }

    private PreparedModel prepared(String name) {
        return PreparedModel.read(shared("models/" + name), name, Map.of(), executor, Progress.none());
    }

    private static QuantizedModel quantized(PreparedModel prepared, Recipe recipe) {
        Precision weights = Precision.weightsOnly(4, WeightGranularity.CHANNEL);
        return QuantizedModel.withoutData(
                prepared.model(),
                Targets.find("sm8650").placementRules(),
                weights,
                new RangeSearch.MinMax(),
                Boundary.FLOAT,
                recipe,
                BatchNormStatistics.of(prepared.original(), prepared.renamed()));
    }

    private double decibels(PreparedModel prepared, QuantizedModel quantized, DataSet test) {
        String output = prepared.original().graph().outputs().getFirst().name();
        Executor.Options options = new Executor.Options(2, Executor.Optimization.OFF);
        SignalToNoise sum = null;
        try (Executor.Session floats = executor.open(prepared.original(), List.of(output), options);
                Executor.Session rounded = executor.open(quantized.export().model(), List.of(output), options)) {
            for (int i = 0; i < test.size(); i++) {
                Map<String, Tensor> sample = test.sample(i);
                SignalToNoise one = SignalToNoise.of(
                        floats.run(sample).get(output), rounded.run(sample).get(output));
                sum = sum == null ? one : sum.plus(one);
            }
        }
        return sum.decibels();
    }

    @Test
    @Tag("slow")
    void batchNormsCorrectTheBiasesOfResnet8() {
        PreparedModel prepared = prepared("mlperftiny_resnet8_cifar10.onnx");
        try (DataSet test = DataSet.open(
                shared("data/cifar10_test5k_images.npy"),
                DataOptions.NONE.withLayout(Layout.NHWC).withChoice(0L, 1L, 64L),
                PreparedModel.inputs(prepared.model()))) {
            QuantizedModel plain = quantized(prepared, Recipe.PLAIN);
            QuantizedModel corrected = quantized(prepared, Recipe.DEFAULT);
            CorrectBias.Result biases = corrected.biases();
            assertTrue(biases.analytic());
            assertTrue(biases.corrected().size() >= 5, biases.corrected()::toString);
            assertTrue(
                    biases.skipped().values().stream().anyMatch(reason -> reason.contains("no batch norm")),
                    biases.skipped()::toString);
            double before = decibels(prepared, plain, test);
            double after = decibels(prepared, corrected, test);
            assertTrue(after > before + LEAST_GAIN, after + " dB after " + before);
        }
    }

    /// KWS comes with its batch norms folded.
    @Test
    void aModelWithoutBatchNormsStaysAsItIs(@TempDir Path folder) throws IOException {
        PreparedModel prepared = prepared("mlperftiny_kws_dscnn.onnx");
        QuantizedModel plain = quantized(prepared, Recipe.PLAIN);
        QuantizedModel corrected = quantized(prepared, Recipe.DEFAULT);
        Path one = folder.resolve("plain.onnx");
        Path other = folder.resolve("corrected.onnx");
        ModelWriter.write(plain.export().model(), one);
        ModelWriter.write(corrected.export().model(), other);
        assertEquals(-1, Files.mismatch(one, other));
    }
}
