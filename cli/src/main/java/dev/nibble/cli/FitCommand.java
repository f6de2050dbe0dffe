package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.npu.fit.Calibrate;
import dev.nibble.npu.fit.Errors;
import dev.nibble.pipeline.output.StagedDirectory;
import dev.nibble.pipeline.output.StagedFile;
import dev.nibble.report.text.TextTable;
import dev.nibble.target.Target;
import dev.nibble.target.Targets;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `fit`: latencies that were measured become the parameters of a target.
@Command(
        name = "fit",
        description = "Fit the cost model to measured latencies and write a target file.",
        optionListHeading = "%nOptions:%n")
final class FitCommand extends NibbleCommand {
    @Option(
            names = "--measurements",
            paramLabel = "FILE",
            required = true,
            description = "CSV: topology, precision, target, latency_ms; see docs/latency-model.md.")
    private Path measurements;

    @Option(
            names = "--models",
            paramLabel = "DIR",
            description = "Where the .onnx files named in the CSV are (default: beside it, or its topologies/).")
    private @Nullable Path models;

    @Option(
            names = "--all",
            description = "Fit all devices of the file anew and together; --out is then a directory of target files.")
    private boolean all;

    @Mixin
    private OutOption out;

    @Override
    protected ExitCode run() throws IOException {
        Path csv = terminal().resolve(measurements);
        Path target = terminal().resolve(out.path());
        if (Files.exists(target) && !everywhere().force()) {
            throw new NibbleException("'" + out.path() + "' exists", "give another --out, or --force");
        }
        if (!all && !target.toString().endsWith(".toml")) {
            throw new NibbleException(
                    "'" + out.path() + "' is no name for a target file", "let it end in .toml: --out my-device.toml");
        }
        List<Target> targets = everywhere().targets().stream()
                .map(t -> Targets.find(
                        t.endsWith(".toml") ? terminal().resolve(Path.of(t)).toString() : t))
                .toList();
        Calibrate.Result result = all ? Calibrate.all(csv, folder(csv)) : Calibrate.one(csv, folder(csv), targets);
        List<String> files = write(result, target);
        result.warnings().forEach(this::warn);
        print(EstimateDocuments.of(result, files), () -> table(result, files));
        return ExitCode.DONE;
    }

    private Path folder(Path csv) {
        if (models != null) {
            return terminal().resolve(models);
        }
        Path beside = csv.toAbsolutePath().getParent();
        Path folder = beside == null ? Path.of(".") : beside;
        return Files.isDirectory(folder.resolve("topologies")) ? folder.resolve("topologies") : folder;
    }

    private List<String> write(Calibrate.Result result, Path target) throws IOException {
        if (!all) {
            StagedFile.write(
                    target,
                    everywhere().force(),
                    result.targets().values().iterator().next());
            return List.of(out.path().toString());
        }
        List<String> names =
                result.targets().keySet().stream().map(name -> name + ".toml").toList();
        try (StagedDirectory folder =
                StagedDirectory.open(target, names, everywhere().force())) {
            for (Map.Entry<String, String> entry : result.targets().entrySet()) {
                Files.writeString(folder.file(entry.getKey() + ".toml"), entry.getValue());
            }
            folder.commit();
        }
        return names.stream().map(name -> out.path().resolve(name).toString()).toList();
    }

    private String table(Calibrate.Result document, List<String> files) {
        StringBuilder text = new StringBuilder();
        text.append("%d rows fitted; sha256 %s%n".formatted(document.rows(), document.sha256()));
        document.skipped().forEach((why, n) -> text.append("left out %d: %s%n".formatted(n, why)));
        TextTable summary = TextTable.of("error, %", ">rows", ">mean", ">median", ">Spearman");
        document.cross()
                .forEach(e -> summary.row(
                        e.label(),
                        "" + e.rows(),
                        one(e.meanPercent()),
                        one(e.medianPercent()),
                        "%.3f".formatted(e.spearman())));
        text.append('\n').append(summary.render(style())).append('\n');
        Errors last = document.cross().getLast();
        TextTable groups = TextTable.of(last.label(), ">rows", ">mean error, %");
        last.byPrecision().forEach((name, g) -> groups.row(name, "" + g.rows(), one(g.percent())));
        last.byFamily().forEach((name, g) -> groups.row("family " + name, "" + g.rows(), one(g.percent())));
        last.byDevice().forEach((name, g) -> groups.row("device " + name, "" + g.rows(), one(g.percent())));
        text.append(groups.render(style())).append('\n');
        TextTable worst = TextTable.of("worst", "precision", "target", ">predicted, µs", ">measured, µs", ">error, %");
        last.worst()
                .forEach(w -> worst.row(
                        w.topology(),
                        w.precision(),
                        w.device(),
                        "%.0f".formatted(w.predictedMicros()),
                        "%.0f".formatted(w.measuredMicros()),
                        one(w.percent())));
        text.append(worst.render(style())).append('\n');
        files.forEach(f -> text.append("wrote ").append(f).append('\n'));
        return text.toString();
    }

    private static String one(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }
}
