package dev.nibble.bench;

import dev.nibble.pipeline.FileDigest;
import dev.nibble.report.Metric;
import dev.nibble.report.ReportJson;
import dev.nibble.report.ResultDocument;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/// What recipes get back, and what it costs: `tools/bench.sh recovery [--fresh] [part of a row's name…]`.
///
/// Each row is `./nibble quantize` in a process of its own, as a user runs it: its accuracy is that of the written file
/// with graph optimization off, its seconds are the report's `calibrate` and `quantize`, its memory the process's peak.
/// A row's report is kept, so that an interrupted run goes on where it stopped.
final class RecoveryTable {
    private static final String SECTION = "recovery";

    private final Path root;
    private final Path shared;
    private final boolean fresh;
    private final Consumer<String> say;

    /// A line of the table.
    ///
    /// @param options of `quantize`, the recipe's beside
    /// @param other the best figure of another tool, as `peers_measured.md` has it
    /// @param gate what must be reached: percent, or nats where less is better
    /// @param goal what is aimed at
    private record Line(
            String name,
            BenchModel model,
            List<String> options,
            String recipe,
            String other,
            double gate,
            double goal) {
        boolean holds(double value) {
            return model.name().startsWith("llm") ? value <= gate : value >= gate;
        }
    }

    /// @param fresh whether rows that are known are measured again
    RecoveryTable(Path root, Path shared, boolean fresh, Consumer<String> say) {
        this.root = root;
        this.shared = shared;
        this.fresh = fresh;
        this.say = say;
    }

    private List<Line> lines() {
        BenchModel resnet8 = BenchModel.cifar(shared, "resnet8", "mlperftiny_resnet8_cifar10", false, 512, 5000);
        BenchModel resnet20 = BenchModel.cifar(shared, "resnet20", "cifar10_resnet20", true, 512, 5000);
        BenchModel resnet56 = BenchModel.cifar(shared, "resnet56", "cifar10_resnet56", true, 512, 5000);
        BenchModel mobileNet = BenchModel.mobileNet(shared);
        List<String> w4 = List.of("--weights-bitwidth", "4");
        return List.of(
                new Line("resnet8 W4A8", resnet8, w4, "w4", "82.16", 85.8, 86.6),
                new Line("resnet20 W4A8", resnet20, w4, "w4", "91.10", 91.2, 91.5),
                // The limits and the other tool's figure are of all 10,000 images, of which half are in the assets.
                new Line("resnet56 W4A8", resnet56, w4, "w4", "92.0", 92.8, 93.2),
                new Line("KWS W4A8", BenchModel.kws(shared), w4, "w4", "89.5", 89.0, 89.7),
                new Line("MobileNetV1 W8A8 per channel", mobileNet, List.of(), "w4", "80.0", 79.0, 80.0),
                new Line(
                        "MobileNetV1 W8A8 per tensor",
                        mobileNet,
                        List.of("--weight-granularity", "tensor"),
                        "enhanced",
                        "31.0",
                        78.3,
                        79.6),
                new Line("MobileNetV1 W4A8", mobileNet, w4, "w4", "0.43", 74.5, 77),
                new Line(
                        "llm_stories260K W4A16 block 32, loss",
                        BenchModel.stories(shared),
                        List.of("--weights-bitwidth", "4", "--act-bitwidth", "16", "--weight-granularity", "block:32"),
                        "w4",
                        "1.734 per channel",
                        1.62,
                        1.57));
    }

    /// Measures the lines whose names contain all of `wanted`, prints them, and puts all that are known into `page`.
    ///
    /// @return whether all limits hold
    boolean run(List<String> wanted, Path page) {
        String head = """
                | | float | best other tool | plain | recipe | | SQNR of the outputs | limit | | aim | seconds | peak memory |
                |---|---|---|---|---|---|---|---|---|---|---|---|
                """;
        say.accept(head.strip());
        StringBuilder rows = new StringBuilder();
        boolean all = true;
        for (Line line : lines()) {
            boolean measured = wanted.stream().allMatch(line.name()::contains);
            Optional<ResultDocument> plain = report(line, "plain", measured);
            Optional<ResultDocument> recovered = report(line, line.recipe(), measured);
            if (plain.isEmpty() || recovered.isEmpty()) {
                rows.append("| ").append(line.name()).append(" | not measured |\n");
                continue;
            }
            String row = row(line, plain.get(), recovered.get());
            rows.append(row).append('\n');
            if (measured) {
                say.accept(row);
                all &= line.holds(value(line, metric(recovered.get()).quantized()));
            }
        }
        PageSection.replace(page, SECTION, head + rows);
        say.accept("written: " + page);
        return all;
    }

    private static String row(Line line, ResultDocument plain, ResultDocument recovered) {
        double value = value(line, metric(recovered).quantized());
        Long peak = recovered.peakRssBytes();
        Double sqnrDb = recovered.sqnrDb();
        return String.format(
                Locale.ROOT,
                "| %s | %s | %s | %s | `%s` | **%s** | %s | %s | %s | %s | %.1f | %s |",
                line.name(),
                figure(line, metric(recovered).floatValue()),
                line.other(),
                figure(line, metric(plain).quantized()),
                line.recipe(),
                figure(line, metric(recovered).quantized()),
                sqnrDb == null ? "–" : String.format(Locale.ROOT, "%.1f dB", sqnrDb),
                line.gate(),
                line.holds(value) ? "holds" : "**missed**",
                line.goal(),
                recovered.timings().calibrateSeconds() + recovered.timings().quantizeSeconds(),
                peak == null ? "–" : String.format(Locale.ROOT, "%.2f GB", peak / 1e9));
    }

    private static Metric metric(ResultDocument document) {
        return Objects.requireNonNull(document.metric(), "the samples have labels");
    }

    /// Percent, or nats.
    private static double value(Line line, double metric) {
        return line.model().name().startsWith("llm") ? metric : 100 * metric;
    }

    private static String figure(Line line, double metric) {
        return String.format(Locale.ROOT, line.model().name().startsWith("llm") ? "%.3f" : "%.2f", value(line, metric));
    }

    /// A row's report: as it was kept, or measured now; empty where it is not known and not wanted.
    private Optional<ResultDocument> report(Line line, String recipe, boolean measured) {
        Path work = root.resolve(".nibble/bench/recovery");
        line.model().provide();
        String hash = FileDigest.sha256(line.model().model()).substring(0, 16);
        Path kept = work.resolve((hash + " " + line.name() + " " + recipe + ".json").replaceAll("[ ,]+", "-"));
        if (Files.exists(kept) && !(fresh && measured)) {
            return Optional.of(ReportJson.read(Scratch.text(kept), ResultDocument.class));
        }
        if (!measured) {
            return Optional.empty();
        }
        Scratch.create(work);
        Path out = work.resolve("launched");
        List<String> command = new ArrayList<>(
                List.of("quantize", line.model().model().toString(), "--out", out.toString(), "--force", "--quiet"));
        command.addAll(List.of("--threads", "2", "--recipe", recipe));
        command.addAll(line.options());
        if (recipe.equals("plain")) {
            command.addAll(List.of("--act-calibration", "min-max", "--param-calibration", "min-max"));
        }
        command.addAll(LauncherRun.samples(line.model()));
        new LauncherRun(root, work).run(command);
        String json = Scratch.text(out.resolve("report.json"));
        Scratch.write(kept, json);
        Scratch.delete(out);
        return Optional.of(ReportJson.read(json, ResultDocument.class));
    }
}
