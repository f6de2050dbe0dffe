package dev.nibble.pipeline;

import dev.nibble.data.DataOptions;
import dev.nibble.pipeline.calibrate.Calibrator;
import dev.nibble.pipeline.demo.DemoData;
import dev.nibble.pipeline.output.StagedDirectory;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.report.ResultDocument;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/// `demo`: the main job on a real text recogniser and text lines drawn on the spot, with everything it used left in the
/// folder to look at and to run again.
public final class Demo {
    /// What is written beside the results of `quantize`.
    private static final String MODEL = "model.onnx";

    private static final String CALIBRATION = "calibration";
    private static final String EVALUATION = "evaluation";
    private static final int CALIBRATION_LINES = 200;
    private static final int EVALUATION_LINES = 300;

    private Demo() {}

    /// @param target the device
    /// @param seed of the text lines
    /// @param version of Nibble, for the report
    public static ResultDocument run(
            Path out, String target, int threads, long seed, boolean force, String version, Progress progress) {
        List<String> files = new ArrayList<>(QuantizeOptions.FILES);
        files.add(MODEL);
        files.add(CALIBRATION + "/labels.csv");
        files.add(EVALUATION + "/labels.csv");
        try (StagedDirectory staged = StagedDirectory.open(out, files, force)) {
            Path model = staged.file(MODEL);
            try (Progress.Stage stage = progress.begin("drawing text lines", CALIBRATION_LINES + EVALUATION_LINES)) {
                DemoData.writeModel(model);
                DemoData.writeLines(staged.file(CALIBRATION), CALIBRATION_LINES, 2 * seed);
                stage.advance(CALIBRATION_LINES);
                DemoData.writeLines(staged.file(EVALUATION), EVALUATION_LINES, 2 * seed + 1);
                stage.advance(EVALUATION_LINES);
            }
            ResultDocument document = Quantize.into(
                    staged,
                    new QuantizeOptions(
                            model,
                            out.resolve(MODEL).toString(),
                            Optional.of(samples(staged, CALIBRATION, out)),
                            Optional.of(samples(staged, EVALUATION, out)),
                            out,
                            Precision.of(8, WeightGranularity.CHANNEL, 8),
                            Calibrator.named("auto", RangeSearch.Percentile.DEFAULT_PERCENT),
                            new RangeSearch.MinMax(),
                            Recipe.DEFAULT,
                            target,
                            Optional.empty(),
                            Optional.empty(),
                            Map.of("x", new long[] {-1, 3, 48, 320}),
                            false,
                            "1.0.0",
                            "auto",
                            OptionalInt.empty(),
                            threads,
                            seed,
                            OptionalLong.empty(),
                            Optional.empty(),
                            false,
                            force,
                            command(out, target),
                            version),
                    progress);
            staged.commit();
            return document;
        }
    }

    private static QuantizeOptions.Samples samples(StagedDirectory staged, String folder, Path out) {
        DataOptions options = DataOptions.NONE.withNormalization(null, List.of(127.5), List.of(127.5));
        return new QuantizeOptions.Samples(
                staged.file(folder), options, out.resolve(folder).toString());
    }

    /// What does the same from the files that the demo leaves.
    private static String command(Path out, String target) {
        return ("nibble quantize %1$s/model.onnx --data %1$s/calibration --eval-data %1$s/evaluation"
                        + " --mean 127.5 --std 127.5 --target %2$s --out %1$s")
                .formatted(out, target);
    }
}
