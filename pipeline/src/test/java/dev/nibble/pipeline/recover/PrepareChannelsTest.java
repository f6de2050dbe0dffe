package dev.nibble.pipeline.recover;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.data.DataOptions;
import dev.nibble.data.DataSet;
import dev.nibble.graph.Executor;
import dev.nibble.pipeline.PreparedModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.output.RunDirectory;
import dev.nibble.quant.measure.SignalToNoise;
import dev.nibble.quant.place.Overrides;
import dev.nibble.run.OrtExecutor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PrepareChannelsTest {
    /// Float rounding alone is beyond 100 dB.
    @Tag("slow")
    @ParameterizedTest
    @CsvSource("mlperftiny_kws_dscnn, kws01_mfcc_int8.npy, 100, true")
    void preparedModelsComputeTheSame(String model, String samples, double leastDecibels, boolean changes) {
        OrtExecutor executor = new OrtExecutor();
        PreparedModel prepared =
                PreparedModel.read(shared("models/" + model + ".onnx"), model, Map.of(), executor, Progress.none());
        DataOptions options = options();
        try (DataSet data = DataSet.open(
                        shared("data/" + samples),
                        options.withChoice(0L, 1L, 32L),
                        PreparedModel.inputs(prepared.model()));
                DataSet test = DataSet.open(
                        shared("data/" + samples),
                        options.withChoice(200L, 1L, 16L),
                        PreparedModel.inputs(prepared.model()))) {
            PrepareChannels.Result result = PrepareChannels.of(
                    prepared.model(),
                    Recipe.ENHANCED,
                    Overrides.NONE,
                    data,
                    executor,
                    2,
                    RunDirectory.NONE,
                    Progress.none());
            boolean changed =
                    result.passes().stream().anyMatch(pass -> !pass.changes().isEmpty());
            assertTrue(changed == changes, result.passes()::toString);
            assertTrue(
                    changed
                            || result.passes().stream()
                                    .anyMatch(pass -> !pass.skipped().isEmpty()),
                    "a pass that finds nothing says so");
            Executor.Options two = new Executor.Options(2, Executor.Optimization.DEFAULT);
            String output = prepared.model().graph().outputs().getFirst().name();
            SignalToNoise sum = null;
            try (Executor.Session before = executor.open(prepared.model(), List.of(output), two);
                    Executor.Session after = executor.open(result.model(), List.of(output), two)) {
                for (int i = 0; i < test.size(); i++) {
                    SignalToNoise one = SignalToNoise.of(
                            before.run(test.sample(i)).get(output),
                            after.run(test.sample(i)).get(output));
                    sum = sum == null ? one : sum.plus(one);
                }
            }
            assertTrue(sum.decibels() > leastDecibels, sum.decibels() + " dB");
        }
    }

    private static DataOptions options() {
        return DataOptions.NONE.withNormalization(0.5847029, List.of(83 * 0.5847029), List.of(1.0));
    }

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
}
