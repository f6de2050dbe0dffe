package dev.nibble.bench;

import dev.nibble.htp.HtpLibraries;
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

/// What recipes get back, and what it costs: `tools/bench.sh recovery [--fresh] [--htp] [part of a row's name…]`.
///
/// Each row is `./nibble quantize` in a process of its own, as a user runs it: its accuracy is that of the written file
/// with graph optimization off, its seconds are the report's `quantize`, its memory the process's peak,
/// measuring included. A row's report and model are kept, so that an interrupted run goes on where it stopped; with
/// `--htp` the model is measured on Qualcomm's emulator as well, on as many samples as 30 GMAC pay for.
final class RecoveryTable {
    private static final String SECTION = "recovery";

    /// Peak memory that rows of MobileNetV1 may take.
    private static final double MOST_GIGABYTES = 1.5;

    private static final String FIRST_AND_LAST = """
            {"param_encodings": {"conv1.weight": {"dtype": "int8"}, "conv_preds.weight": {"dtype": "int8"}}}
            """;

    private final Path root;
    private final Path shared;
    private final boolean fresh;
    private final Optional<HtpLibraries> htp;
    private final Consumer<String> say;

    /// A line of the table.
    ///
    /// @param options of `quantize`, the recipe's beside
    /// @param other the best figure of another tool, as `peers_measured.md` has it
    /// @param gate what must be reached: percent, or nats where less is better
    /// @param goal what is aimed at
    /// @param mostSeconds what quantizing may take; infinite where no limit is set
    /// @param overrides what is forced on single tensors; empty where nothing is
    private record Line(
            String name,
            BenchModel model,
            List<String> options,
            String recipe,
            String other,
            double gate,
            double goal,
            double mostSeconds,
            String overrides) {
        Line(
                String name,
                BenchModel model,
                List<String> options,
                String recipe,
                String other,
                double gate,
                double goal) {
            this(name, model, options, recipe, other, gate, goal, Double.POSITIVE_INFINITY, "");
        }

        Line within(double seconds) {
            return new Line(name, model, options, recipe, other, gate, goal, seconds, overrides);
        }

        Line forcing(String what) {
            return new Line(name, model, options, recipe, other, gate, goal, mostSeconds, what);
        }

        boolean isText() {
            return model.name().startsWith("llm");
        }

        boolean holds(double value) {
            return isText() ? value <= gate : value >= gate;
        }

        double mostGigabytes() {
            return model.name().startsWith("MobileNet") ? MOST_GIGABYTES : Double.POSITIVE_INFINITY;
        }

        boolean holds(ResultDocument recovered) {
            Long peak = recovered.peakRssBytes();
            return holds(value(this, metric(recovered).quantized()))
                    && seconds(recovered) <= mostSeconds
                    && (peak == null || peak / 1e9 <= mostGigabytes());
        }
    }

    /// @param fresh whether rows that are known are measured again
    /// @param htp measures the rows on the HTP as well, where that is wanted
    RecoveryTable(Path root, Path shared, boolean fresh, Optional<HtpLibraries> htp, Consumer<String> say) {
        this.root = root;
        this.shared = shared;
        this.fresh = fresh;
        this.htp = htp;
        this.say = say;
    }

    private List<Line> lines() {
        BenchModel resnet8 = BenchModel.cifar(shared, "resnet8", "mlperftiny_resnet8_cifar10", false, 512, 5000);
        BenchModel resnet20 = BenchModel.cifar(shared, "resnet20", "cifar10_resnet20", true, 512, 5000);
        BenchModel resnet56 = BenchModel.cifar(shared, "resnet56", "cifar10_resnet56", true, 512, 5000);
        BenchModel mobileNet = BenchModel.mobileNet(shared);
        List<String> w4 = List.of("--weights-bitwidth", "4");
        return List.of(
                new Line("resnet8 W4A8", resnet8, w4, "w4", "82.16", 85.8, 86.6).within(10),
                new Line("resnet20 W4A8", resnet20, w4, "w4", "91.10", 91.2, 91.5).within(25),
                // The limits and the other tool's figure are of all 10,000 images, of which half are in the assets.
                new Line("resnet56 W4A8", resnet56, w4, "w4", "92.0", 92.8, 93.2),
                new Line("KWS W4A8", BenchModel.kws(shared), w4, "w4", "89.5", 89.0, 89.7).within(3),
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
                new Line("MobileNetV1 W4A8, first and last int8", mobileNet, w4, "w4", "–", 76.0, 78.5)
                        .forcing(FIRST_AND_LAST),
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
                | | float | best other tool | plain | recipe | | SQNR of the outputs | limit | | aim | seconds of calibrating | of quantizing | peak memory | HTP |
                |---|---|---|---|---|---|---|---|---|---|---|---|---|---|
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
            String row = row(line, plain.get(), recovered.get(), onHtp(line, measured));
            rows.append(row).append('\n');
            if (measured) {
                say.accept(row);
                all &= line.holds(recovered.get());
            }
        }
        PageSection.replace(page, SECTION, head + rows);
        say.accept("written: " + page);
        return all;
    }

    private static String row(Line line, ResultDocument plain, ResultDocument recovered, Optional<HtpRow> onHtp) {
        double value = value(line, metric(recovered).quantized());
        Long peak = recovered.peakRssBytes();
        Double sqnrDb = recovered.sqnrDb();
        return String.format(
                Locale.ROOT,
                "| %s | %s | %s | %s | `%s` | **%s** | %s | %s | %s | %s | %.1f | %s | %s | %s |",
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
                recovered.timings().calibrateSeconds(),
                limited("%.1f", seconds(recovered), line.mostSeconds(), ""),
                peak == null ? "–" : limited("%.2f", peak / 1e9, line.mostGigabytes(), " GB"),
                onHtp.map(row -> onHtp(line, row)).orElse("–"));
    }

    /// `6.3 (≤ 10 holds)`.
    private static String limited(String format, double value, double most, String unit) {
        String text = String.format(Locale.ROOT, format, value) + unit;
        return Double.isInfinite(most)
                ? text
                : "%s (≤ %s %s)"
                        .formatted(
                                text,
                                most == Math.rint(most) ? String.valueOf((long) most) : String.valueOf(most),
                                value <= most ? "holds" : "**missed**");
    }

    /// Accuracy on the HTP beside the same samples on the CPU, and where the nodes run.
    private static String onHtp(Line line, HtpRow row) {
        return "%s (CPU %s, %,d samples), %s"
                .formatted(
                        figure(line, row.htp()),
                        figure(line, row.cpu()),
                        row.n(),
                        row.onCpu() == 0
                                ? "all %d nodes".formatted(row.onHtp())
                                : "%d of %d nodes".formatted(row.onHtp(), row.onHtp() + row.onCpu()));
    }

    /// Of the step alone that decides codes, which is what limits are for; ranges are calibrated before it.
    private static double seconds(ResultDocument document) {
        return document.timings().quantizeSeconds();
    }

    private static Metric metric(ResultDocument document) {
        return Objects.requireNonNull(document.metric(), "the samples have labels");
    }

    /// Percent, or nats.
    private static double value(Line line, double metric) {
        return line.isText() ? metric : 100 * metric;
    }

    private static String figure(Line line, double metric) {
        return String.format(Locale.ROOT, line.isText() ? "%.3f" : "%.2f", value(line, metric));
    }

    /// A row's report: as it was kept, or measured now; empty where it is not known and not wanted.
    private Optional<ResultDocument> report(Line line, String recipe, boolean measured) {
        line.model().provide();
        Path work = work();
        Path kept = kept(line, recipe, ".json");
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
        if (!line.overrides().isEmpty()) {
            Path overrides = work.resolve("overrides.json");
            Scratch.write(overrides, line.overrides());
            command.addAll(List.of("--quantization-overrides", overrides.toString()));
        }
        if (recipe.equals("plain")) {
            command.addAll(List.of("--act-calibration", "min-max", "--param-calibration", "min-max"));
        }
        command.addAll(LauncherRun.samples(line.model()));
        new LauncherRun(root, work).run(command);
        String json = Scratch.text(out.resolve("report.json"));
        Scratch.move(out.resolve("model.qdq.onnx"), kept(line, recipe, ".onnx"));
        Scratch.delete(kept(line, recipe, ".htp"));
        Scratch.write(kept, json);
        Scratch.delete(out);
        return Optional.of(ReportJson.read(json, ResultDocument.class));
    }

    private Path work() {
        return root.resolve(".nibble/bench/recovery");
    }

    /// The file of a row's `ending`, by the model's content.
    private Path kept(Line line, String recipe, String ending) {
        String hash = FileDigest.sha256(line.model().model()).substring(0, 16);
        return work().resolve((hash + " " + line.name() + " " + recipe).replaceAll("[ ,]+", "-") + ending);
    }

    /// The recovered model on the HTP: as it was kept, or measured now where that is wanted. Texts are left out: their
    /// lengths differ, and the HTP compiles for one.
    private Optional<HtpRow> onHtp(Line line, boolean measured) {
        Path known = kept(line, line.recipe(), ".htp");
        if (Files.exists(known)) {
            return Optional.of(HtpRow.read(known));
        }
        Path model = kept(line, line.recipe(), ".onnx");
        if (htp.isEmpty() || !measured || line.isText() || !Files.exists(model)) {
            return Optional.empty();
        }
        HtpRow row = MeasureHtpRow.of(
                line.model(),
                model,
                MeasureHtpRow.samples(line.model(), MeasureHtpRow.GMACS),
                htp.get(),
                work(),
                Facts.here().nibble());
        row.write(known);
        return Optional.of(row);
    }
}
