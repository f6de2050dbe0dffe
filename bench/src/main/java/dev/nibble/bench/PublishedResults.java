package dev.nibble.bench;

import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.Quantize;
import dev.nibble.pipeline.QuantizeOptions;
import dev.nibble.pipeline.calibrate.Calibrator;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.report.FileRecord;
import dev.nibble.report.Interval;
import dev.nibble.report.Metric;
import dev.nibble.report.ReportJson;
import dev.nibble.report.ResultDocument;
import dev.nibble.report.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/// Reproduces `docs/results.md`: `tools/bench.sh results SHARED WORK FILE`.
///
/// Each row is one run of `quantize` as the command line does it, measured on the file that was written. Finished rows
/// are kept in the work folder, so an interrupted run goes on where it was; delete the folder to measure anew.
public final class PublishedResults {
    private static final String TARGET = "sm8650";

    private PublishedResults() {}

    /// @param args the folder that holds `assets`, the work folder, the page to write
    /// @throws IOException where the page cannot be written
    public static void main(String... args) throws IOException {
        if (args.length != 3) {
            throw new IllegalArgumentException("three arguments: SHARED WORK FILE");
        }
        Path work = Path.of(args[1]);
        List<String> rows = new ArrayList<>();
        ResultDocument last = null;
        for (BenchModel model : BenchModel.all(Path.of(args[0]), work)) {
            model.provide();
            for (Setting setting : Setting.ALL) {
                ResultDocument plain = run(model, setting, work, false);
                ResultDocument full = run(model, setting, work, true);
                rows.add(row(model, setting, plain, full));
                last = full;
            }
        }
        if (last != null) {
            Files.writeString(Path.of(args[2]), page(rows, last, Path.of(args[0]), work));
        }
    }

    /// One run, or what an earlier one left.
    ///
    /// @param full the command line's defaults; else min-max and no algorithm
    private static ResultDocument run(BenchModel model, Setting setting, Path work, boolean full) throws IOException {
        String name = (model.name() + "-" + setting.name() + (full ? "" : "-plain")).replaceAll("[^A-Za-z0-9]+", "-");
        Path folder = work.resolve(name);
        Path report = folder.resolve("report.json");
        if (!Files.exists(report)) {
            Quantize.run(
                    new QuantizeOptions(
                            model.model(),
                            model.model().getFileName().toString(),
                            model.calibration(),
                            Optional.of(model.evaluation()),
                            folder,
                            setting.precision(),
                            Calibrator.named(full ? "auto" : "min-max", RangeSearch.Percentile.DEFAULT_PERCENT),
                            full ? setting.parameters() : new RangeSearch.MinMax(),
                            full,
                            TARGET,
                            Optional.empty(),
                            model.shapes(),
                            false,
                            "1.0.0",
                            "auto",
                            Runtime.getRuntime().availableProcessors(),
                            0,
                            OptionalLong.empty(),
                            true,
                            "",
                            "bench"),
                    Progress.none());
        }
        return ReportJson.read(Files.readString(report), ResultDocument.class);
    }

    private static String row(BenchModel model, Setting setting, ResultDocument plain, ResultDocument full) {
        Metric metric = full.metric();
        Metric before = plain.metric();
        if (metric == null || before == null) {
            throw new IllegalStateException(model.name() + " was measured without labels");
        }
        double drop = 100 * metric.drop();
        Interval interval = metric.ci95();
        Double gate = setting.name().equals("W8A8 per channel") ? model.gatePoints() : null;
        boolean broken = full.verdict().level() == Verdict.Level.BROKEN;
        return String.format(
                Locale.ROOT,
                "| %s | %s | %.2f | %.2f | **%.2f** | %+.2f | %s | %.1f | %s | %.2f× | %s |",
                model.name(),
                setting.name(),
                100 * metric.floatValue(),
                100 * before.quantized(),
                100 * metric.quantized(),
                -drop,
                interval == null
                        ? "–"
                        : String.format(Locale.ROOT, "%+.2f … %+.2f", -100 * interval.high(), -100 * interval.low()),
                full.sqnrDb(),
                full.defaultOptimization() == null || full.defaultOptimization().metric() == null
                        ? "–"
                        : String.format(
                                Locale.ROOT,
                                "%.2f",
                                100 * full.defaultOptimization().metric().quantized()),
                size(full),
                broken
                        ? "collapsed"
                        : gate == null
                                ? ""
                                : String.format(
                                        Locale.ROOT, "%s (≤ %.1f)", drop <= gate ? "gate held" : "GATE MISSED", gate));
    }

    private static double size(ResultDocument document) {
        Long bytes = document.model().bytes();
        long written = document.files().stream()
                .filter(file -> file.path().equals("model.qdq.onnx"))
                .mapToLong(FileRecord::bytes)
                .sum();
        return bytes == null ? Double.NaN : (double) written / bytes;
    }

    private static String page(List<String> rows, ResultDocument last, Path shared, Path work) {
        StringBuilder page = new StringBuilder("""
                # Results

                Written by `tools/bench.sh results`; do not edit.

                Accuracy in percent (words for text lines), of the file that `quantize` wrote, in ONNX Runtime's CPU provider with
                graph optimization off; "default" is the same file with it on. *Plain* is min-max without any algorithm;
                *quantized* is what the command line does by default (`auto` ranges, bias correction; weights by min-max from 8
                bits on, by MSE below). The change and its paired 95 % interval are quantized against float on the same samples.
                Each row is one run with one seed. Methods were chosen while looking at some of these rows, so they are a little
                optimistic; differences within the interval are noise.

                | model | format | float | plain | quantized | change | 95 % interval | SQNR dB | default | file | |
                |---|---|---|---|---|---|---|---|---|---|---|
                """);
        rows.forEach(row -> page.append(row).append('\n'));
        page.append("\nSamples, for calibration and for measuring:\n\n");
        for (BenchModel model : BenchModel.all(shared, work)) {
            page.append("- ")
                    .append(model.name())
                    .append(": ")
                    .append(model.samples())
                    .append('\n');
        }
        page.append("\nMachine: ")
                .append(last.machine().cpu())
                .append(", ")
                .append(last.machine().threads())
                .append(" threads; ")
                .append(last.machine().java())
                .append("; ONNX Runtime ")
                .append(last.reproduce().versions().get("onnxruntime"))
                .append("; target ")
                .append(TARGET)
                .append(".\n");
        return page.toString();
    }
}
