package dev.nibble.bench;

import dev.nibble.graph.NibbleException;
import dev.nibble.report.ReportJson;
import dev.nibble.report.ResultDocument;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// `./nibble quantize` in a process of its own, as a user runs it.
///
/// @param root the project's folder
/// @param work a folder outside version control
record LauncherRun(Path root, Path work) {
    /// Quantizes `model` on `samples` samples and measures little.
    ///
    /// @return what the run says of itself
    ResultDocument quantize(BenchModel model, long samples) {
        Path out = work.resolve("launched");
        List<String> command = new ArrayList<>(List.of(
                root.resolve("nibble").toString(),
                "quantize",
                model.model().toString(),
                "--data",
                model.calibration().path().toString(),
                "--out",
                out.toString(),
                "--take",
                Long.toString(samples),
                "--eval-take",
                "64",
                "--eval-data",
                model.calibration().path().toString(),
                "--metric",
                "none",
                "--force",
                "--quiet"));
        add(command, "--mean", model.calibration().options().mean());
        add(command, "--std", model.calibration().options().std());
        if (model.calibration().options().layout() != null) {
            command.add("--layout");
            command.add("nhwc");
        }
        try {
            Path log = work.resolve("launched.log");
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            if (process.waitFor() != 0) {
                throw new NibbleException("'%s' failed".formatted(String.join(" ", command)), "see '" + log + "'");
            }
            return ReportJson.read(Files.readString(out.resolve("report.json")), ResultDocument.class);
        } catch (IOException e) {
            throw Scratch.failure(out, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new NibbleException("interrupted", "run again", e);
        }
    }

    private static void add(List<String> command, String option, List<Double> values) {
        if (!values.isEmpty()) {
            command.add(option);
            command.add(String.join(",", values.stream().map(String::valueOf).toList()));
        }
    }
}
