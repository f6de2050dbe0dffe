package dev.nibble.bench;

import dev.nibble.htp.HtpLibraries;
import dev.nibble.pipeline.FileDigest;
import dev.nibble.report.Interval;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Consumer;

/// Makes the HTP's part of `docs/results.md`. Every row is kept as soon as it is measured, so that an interrupted run
/// goes on where it stopped; a row is measured anew when its model or its setting changes, when more samples are paid for
/// than it was measured on, or when `fresh` is asked for.
final class HtpTable {
    /// The part's name on the page.
    static final String SECTION = "htp";

    private final List<BenchModel> models;
    private final HtpLibraries libraries;
    private final Path work;
    private final Facts facts;
    private final double gmacs;
    private final boolean fresh;
    private final Consumer<String> say;

    /// @param work a folder outside version control
    /// @param gmacs what a row may cost, billions of multiply-accumulates
    /// @param say told each row as it comes
    /// @throws dev.nibble.graph.NibbleException where the libraries are not there
    HtpTable(
            List<BenchModel> models,
            HtpLibraries libraries,
            Path work,
            Facts facts,
            double gmacs,
            boolean fresh,
            Consumer<String> say) {
        this.models = models;
        this.libraries = libraries.require();
        this.work = work;
        this.facts = facts;
        this.gmacs = gmacs;
        this.fresh = fresh;
        this.say = say;
    }

    /// Measures the rows that are missing, models with few MACs first, and writes the part after each of them.
    void write(Path page) {
        Scratch.create(work.resolve("htp"));
        models.forEach(BenchModel::provide);
        List<BenchModel> fewestFirst = models.stream()
                .sorted(Comparator.comparingLong(MeasureHtpRow::macs))
                .toList();
        Map<BenchModel, Map<Setting, HtpRow>> rows = new LinkedHashMap<>();
        models.forEach(model -> rows.put(model, new LinkedHashMap<>()));
        for (BenchModel model : fewestFirst) {
            String hash = FileDigest.sha256(model.model()).substring(0, 16);
            long samples = MeasureHtpRow.samples(model, gmacs);
            for (Setting setting : Setting.HTP) {
                String key = (hash + " " + setting.name()).replace(' ', '-');
                Path file = work.resolve("htp").resolve(key + ".properties");
                HtpRow row = Files.exists(file) && !fresh ? HtpRow.read(file) : null;
                if (row == null || row.n() < samples) {
                    row = new MeasureHtpRow(model, setting, samples, libraries, work, facts.nibble()).measure();
                    row.write(file);
                }
                rows.computeIfAbsent(model, m -> new LinkedHashMap<>()).put(setting, row);
                PageSection.replace(page, SECTION, section(rows));
                say.accept(model.name() + " " + line(setting, row).strip() + " %.0f s".formatted(row.seconds()));
            }
        }
    }

    private String section(Map<BenchModel, Map<Setting, HtpRow>> rows) {
        StringBuilder tables = new StringBuilder();
        TreeSet<String> builds = new TreeSet<>();
        double seconds = 0;
        for (Map.Entry<BenchModel, Map<Setting, HtpRow>> entry : rows.entrySet()) {
            if (entry.getValue().isEmpty()) {
                continue;
            }
            HtpRow first = entry.getValue().values().iterator().next();
            tables.append("\n### %s, on the HTP\n\n".formatted(entry.getKey().name()));
            tables.append(capital(ResultsTable.metric(first.metric()))).append(".\n\n");
            tables.append(
                    "| | samples | float % | CPU % | HTP % | HTP − CPU, points | 95 % interval | same answer % | SQNR dB "
                            + "| nodes on the HTP | samples a second |\n");
            tables.append("|---|---|---|---|---|---|---|---|---|---|---|\n");
            for (Map.Entry<Setting, HtpRow> row : entry.getValue().entrySet()) {
                tables.append(line(row.getKey(), row.getValue()));
                builds.add(row.getValue().nibble() + ", " + row.getValue().date());
                seconds += row.getValue().seconds();
            }
        }
        return Template.read("results-htp.md")
                .replace("{builds}", String.join("; ", builds))
                .replace("{compiler}", "onnxruntime-qnn " + libraries.version())
                .replace("{minutes}", String.format(Locale.ROOT, "%.0f", seconds / 60))
                .replace("{tables}", tables.toString().strip());
    }

    private static String line(Setting setting, HtpRow row) {
        Interval interval = row.ci95();
        return "| %s | %,d | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n"
                .formatted(
                        setting.name(),
                        row.n(),
                        percent(row.reference()),
                        percent(row.cpu()),
                        percent(row.htp()),
                        points(row.htp() - row.cpu()),
                        interval == null ? "–" : points(interval.low()) + " … " + points(interval.high()),
                        Double.isNaN(row.sameAnswer()) ? "–" : percent(row.sameAnswer()),
                        ResultsTable.decibels(row.sqnrDb()),
                        row.onCpu() == 0
                                ? "all %d".formatted(row.onHtp())
                                : "%d of %d".formatted(row.onHtp(), row.onHtp() + row.onCpu()),
                        String.format(Locale.ROOT, "%.1f", row.samplesASecond()));
    }

    private static String capital(String text) {
        return text.substring(0, 1).toUpperCase(Locale.ROOT) + text.substring(1);
    }

    private static String percent(double fraction) {
        return String.format(Locale.ROOT, "%.2f", fraction * 100);
    }

    private static String points(double fraction) {
        return String.format(Locale.ROOT, "%+.2f", fraction * 100);
    }
}
