package dev.nibble.bench;

import dev.nibble.data.DataOptions;
import dev.nibble.data.TextOptions;
import dev.nibble.graph.NibbleException;
import dev.nibble.report.ReportJson;
import dev.nibble.report.ResultDocument;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

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
        TextOptions text = model.calibration().options().text();
        add(command, "--tokenizer", text.tokenizer());
        add(command, "--lengths", text.lengths());
        add(command, "--eval-lengths", text.lengths());
        run(command);
        try {
            return ReportJson.read(Files.readString(out.resolve("report.json")), ResultDocument.class);
        } catch (IOException e) {
            throw Scratch.failure(out, e);
        }
    }

    /// Quantizes the weights of `model` and nothing else, without a sample.
    ///
    /// @return what the run says of itself
    ResultDocument quantizeWeights(Path model) {
        Path out = work.resolve("launched");
        run(List.of(
                "quantize",
                model.toString(),
                "--act-bitwidth",
                "float",
                "--out",
                out.toString(),
                "--force",
                "--quiet"));
        try {
            return ReportJson.read(Files.readString(out.resolve("report.json")), ResultDocument.class);
        } catch (IOException e) {
            throw Scratch.failure(out, e);
        } finally {
            Scratch.delete(out);
        }
    }

    /// How the command line is told of a model's samples.
    static List<String> samples(BenchModel model) {
        List<String> options = new ArrayList<>();
        DataOptions read = model.calibration().options();
        options.addAll(List.of("--data", model.calibration().path().toString()));
        options.addAll(List.of("--eval-data", model.evaluation().path().toString()));
        add(options, "--mean", read.mean());
        add(options, "--std", read.std());
        add(options, "--scale", read.scale());
        add(options, "--labels", read.labels());
        add(options, "--eval-labels", model.evaluation().options().labels());
        add(options, "--lengths", read.text().lengths());
        add(options, "--eval-lengths", model.evaluation().options().text().lengths());
        add(options, "--layout", read.layout() == null ? null : "nhwc");
        for (String prefix : List.of("--", "--eval-")) {
            DataOptions chosen = (prefix.equals("--") ? model.calibration() : model.evaluation()).options();
            add(options, prefix + "skip", chosen.skip());
            add(options, prefix + "every", chosen.every());
            add(options, prefix + "take", chosen.take());
        }
        return options;
    }

    /// Runs `./nibble` with `arguments`, which must succeed.
    void run(List<String> arguments) {
        List<String> command = new ArrayList<>(arguments);
        command.addFirst(root.resolve("nibble").toString());
        Path log = work.resolve("launched.log");
        try {
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            if (process.waitFor() != 0) {
                throw new NibbleException("'%s' failed".formatted(String.join(" ", command)), "see '" + log + "'");
            }
        } catch (IOException e) {
            throw Scratch.failure(log, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new NibbleException("interrupted", "run again", e);
        }
    }

    private static void add(List<String> command, String option, @Nullable Object value) {
        if (value != null) {
            command.add(option);
            command.add(value.toString());
        }
    }

    private static void add(List<String> command, String option, @Nullable Path file) {
        if (file != null) {
            command.add(option);
            command.add(file.toString());
        }
    }

    private static void add(List<String> command, String option, List<Double> values) {
        if (!values.isEmpty()) {
            command.add(option);
            command.add(String.join(",", values.stream().map(String::valueOf).toList()));
        }
    }
}
