package dev.nibble.bench;

import dev.nibble.pipeline.FileDigest;
import dev.nibble.report.Interval;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Consumer;

/// Makes `docs/results.md`. Every row is kept as soon as it is measured, so that an interrupted run goes on where it
/// stopped; a row is measured anew when its model or its setting changes, or when `fresh` is asked for.
final class ResultsTable {
    private final List<BenchModel> models;
    private final Path work;
    private final Facts facts;
    private final boolean fresh;
    private final Consumer<String> say;

    /// @param work a folder outside version control
    /// @param say told each row as it comes
    ResultsTable(List<BenchModel> models, Path work, Facts facts, boolean fresh, Consumer<String> say) {
        this.models = models;
        this.work = work;
        this.facts = facts;
        this.fresh = fresh;
        this.say = say;
    }

    /// The rows by model and setting, in order.
    Map<BenchModel, Map<Setting, Row>> rows() {
        Map<BenchModel, Map<Setting, Row>> rows = new LinkedHashMap<>();
        Scratch.create(work.resolve("rows"));
        for (BenchModel model : models) {
            model.provide();
            String hash = FileDigest.sha256(model.model()).substring(0, 16);
            for (Setting setting : Setting.ALL) {
                String key = (hash + " " + setting.name()).replace(' ', '-');
                Path file = work.resolve("rows").resolve(key + ".properties");
                Row row;
                if (Files.exists(file) && !fresh) {
                    row = Row.read(file);
                } else {
                    row = new MeasureRow(model, setting, work, facts.nibble()).measure();
                    row.write(file);
                }
                rows.computeIfAbsent(model, m -> new LinkedHashMap<>()).put(setting, row);
                say.accept("%s %s: float %s, quantized %s, lost %s points %s, SQNR %s dB (%.0f s)%s"
                        .formatted(
                                model.name(),
                                setting.name(),
                                percent(row.reference()),
                                percent(row.quantized()),
                                points(row.drop()),
                                interval(row),
                                decibels(row.sqnrDb()),
                                row.seconds(),
                                row.alarm().isEmpty() ? "" : " !! " + row.alarm()));
            }
        }
        return rows;
    }

    /// The page.
    ///
    static String page(Map<BenchModel, Map<Setting, Row>> rows, Facts facts, String template) {
        StringBuilder table = new StringBuilder();
        rows.forEach((model, settings) -> {
            table.append("\n### ").append(model.name()).append("\n\n");
            Row first = settings.values().iterator().next();
            table.append("Samples: ").append(model.samples()).append(". Metric: ");
            table.append(metric(first.metric())).append(", float **").append(percent(first.reference()));
            table.append(" %**, n = ")
                    .append(String.format(Locale.ROOT, "%,d", first.n()))
                    .append(".\n\n");
            table.append("| | quantized % | lost, points | 95 % interval | p | SQNR dB | default opt. % ")
                    .append("| plain % | plain SQNR dB | file ÷ float |\n");
            table.append("|---|---|---|---|---|---|---|---|---|---|\n");
            settings.forEach((setting, row) -> table.append(line(setting, row)));
            settings.forEach((setting, row) -> alarm(table, setting, row));
        });
        StringBuilder gates = new StringBuilder();
        rows.forEach((model, settings) -> settings.forEach((setting, row) -> {
            Double gate = model.gatePoints();
            if (gate != null && setting.isHeadline()) {
                gates.append("| %s | %s | ≤ %s | %s |\n"
                        .formatted(
                                model.name(), points(row.drop()), gate, passes(model, row) ? "holds" : "**missed**"));
            }
        }));
        TreeSet<String> builds = new TreeSet<>();
        rows.values()
                .forEach(settings -> settings.values().forEach(row -> builds.add(row.nibble() + ", " + row.date())));
        double minutes = rows.values().stream()
                        .flatMap(settings -> settings.values().stream())
                        .mapToDouble(Row::seconds)
                        .sum()
                / 60;
        return template.replace("{machine}", facts.machine())
                .replace("{versions}", facts.versions())
                .replace("{builds}", String.join("; ", builds))
                .replace("{minutes}", String.format(Locale.ROOT, "%.0f", minutes))
                .replace("{gates}", gates.toString().stripTrailing())
                .replace("{tables}", table.toString().strip());
    }

    static boolean passes(BenchModel model, Row row) {
        Double gate = model.gatePoints();
        return gate == null || row.drop() * 100 <= gate;
    }

    private static String line(Setting setting, Row row) {
        return "| %s | %s%s | %s | %s | %s | %s | %s | %s%s | %s | %.2f |\n"
                .formatted(
                        setting.name(),
                        percent(row.quantized()),
                        row.alarm().isEmpty() ? "" : " ⚠",
                        points(row.drop()),
                        interval(row),
                        probability(row.pValue()),
                        decibels(row.sqnrDb()),
                        percent(row.byDefault()),
                        percent(row.plain()),
                        row.plainAlarm().isEmpty() ? "" : " ⚠",
                        decibels(row.plainSqnrDb()),
                        row.sizeRatio());
    }

    private static void alarm(StringBuilder table, Setting setting, Row row) {
        if (!row.alarm().isEmpty()) {
            table.append("\n⚠ ")
                    .append(setting.name())
                    .append(": ")
                    .append(row.alarm())
                    .append('\n');
        }
        if (!row.plainAlarm().isEmpty()) {
            table.append("\n⚠ ")
                    .append(setting.name())
                    .append(", plain: ")
                    .append(row.plainAlarm())
                    .append('\n');
        }
    }

    static String metric(String name) {
        return switch (name) {
            case "top1" -> "top-1 accuracy";
            case "wordAccuracy" -> "words read right";
            default -> name;
        };
    }

    private static String percent(double fraction) {
        return String.format(Locale.ROOT, "%.2f", fraction * 100);
    }

    private static String points(double fraction) {
        return String.format(Locale.ROOT, "%+.2f", fraction * 100);
    }

    private static String interval(Row row) {
        Interval interval = row.ci95();
        return interval == null ? "–" : points(interval.low()) + " … " + points(interval.high());
    }

    static String decibels(double value) {
        return Double.isNaN(value) ? "–" : String.format(Locale.ROOT, "%.1f", value);
    }

    private static String probability(double p) {
        return Double.isNaN(p) ? "–" : p < 0.001 ? "< 0.001" : String.format(Locale.ROOT, "%.3f", p);
    }
}
