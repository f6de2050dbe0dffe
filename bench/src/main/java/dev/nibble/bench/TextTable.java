package dev.nibble.bench;

import dev.nibble.pipeline.FileDigest;
import dev.nibble.pipeline.recover.Recipe;
import dev.nibble.quant.place.Precision;
import dev.nibble.quant.place.WeightGranularity;
import dev.nibble.quant.range.RangeSearch;
import dev.nibble.report.Interval;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/// The rows of text models, a part of `docs/results.md` between two marks. Rows are kept as those of [ResultsTable] are.
final class TextTable {
    private static final Setting W8A8 =
            new Setting("W8A8 per channel", Precision.of(8, WeightGranularity.CHANNEL, 8), new RangeSearch.MinMax());
    private static final Setting W8A16 =
            new Setting("W8A16 per channel", Precision.of(8, WeightGranularity.CHANNEL, 16), new RangeSearch.MinMax());
    private static final Setting W4A16 = new Setting(
            "W4A16 blocks of 32, w4",
            Precision.of(4, new WeightGranularity.PerBlock(32), 16),
            new RangeSearch.Mse(),
            Recipe.W4);

    private final Path shared;
    private final Path work;
    private final Facts facts;
    private final boolean fresh;
    private final Consumer<String> say;

    /// A row that has to reach a limit.
    ///
    /// @param limit least correlation, or largest loss
    private record Wanted(BenchModel model, Setting setting, double limit, double goal) {
        boolean holds(Row row) {
            return row.metric().equals("spearman") ? row.quantized() >= limit : row.quantized() <= limit;
        }
    }

    TextTable(Path shared, Path work, Facts facts, boolean fresh, Consumer<String> say) {
        this.shared = shared;
        this.work = work;
        this.facts = facts;
        this.fresh = fresh;
        this.say = say;
    }

    /// Measures what is missing and writes the part of `page`; true where every limit holds.
    boolean write(Path page) {
        BenchModel minilm = BenchModel.miniLm(shared, work);
        BenchModel stories = BenchModel.stories(shared);
        List<Wanted> all = List.of(
                new Wanted(minilm, W8A8, 0.857, 0.863),
                new Wanted(minilm, W8A16, 0.865, 0.867),
                new Wanted(stories, W8A8, 1.575, 1.555),
                new Wanted(stories, W8A16, 1.55, 1.546),
                new Wanted(stories, W4A16, 1.65, 1.60));
        StringBuilder table = new StringBuilder(
                "By `tools/bench.sh text`, measured as above, W4A16 with the recipe `w4` as is standard; every operator is quantized."
                        + " MiniLM's figure is"
                        + " Spearman's correlation of cosines with the labels (× 100, mean pooling), that of the language"
                        + " model the loss of the next token in nats.\n");
        boolean holds = true;
        BenchModel last = null;
        for (Wanted wanted : all) {
            Row row = row(wanted.model(), wanted.setting());
            if (wanted.model() != last) {
                last = wanted.model();
                table.append("\n### %s\n\nSamples: %s. Float: **%s**, n = %,d. Measured by %s, %s.\n\n"
                        .formatted(
                                last.name(),
                                last.samples(),
                                figure(row, row.reference()),
                                row.n(),
                                row.nibble(),
                                row.date()));
                table.append(
                                "| | quantized | lost | 95 % interval | SQNR dB | default opt. | plain | file ÷ float | limit | |\n")
                        .append("|---|---|---|---|---|---|---|---|---|---|\n");
            }
            holds &= wanted.holds(row);
            table.append(line(wanted, row));
        }
        PageSection.replace(page, "text", table.toString());
        return holds;
    }

    private Row row(BenchModel model, Setting setting) {
        model.provide();
        String hash = FileDigest.sha256(model.model()).substring(0, 16);
        Path file = work.resolve("rows").resolve((hash + " " + setting.name()).replace(' ', '-') + ".properties");
        Scratch.create(work.resolve("rows"));
        Row row;
        if (Files.exists(file) && !fresh) {
            row = Row.read(file);
        } else {
            row = new MeasureRow(model, setting, work, facts.nibble()).measure();
            row.write(file);
        }
        say.accept("%s %s: float %s, quantized %s (%.0f s)"
                .formatted(
                        model.name(),
                        setting.name(),
                        figure(row, row.reference()),
                        figure(row, row.quantized()),
                        row.seconds()));
        return row;
    }

    private static String line(Wanted wanted, Row row) {
        Interval interval = row.ci95();
        return "| %s | %s%s | %s | %s | %.1f | %s | %s | %.2f | %s %s, goal %s | %s |\n"
                .formatted(
                        wanted.setting().name(),
                        figure(row, row.quantized()),
                        row.alarm().isEmpty() ? "" : " ⚠",
                        signed(row, row.drop()),
                        interval == null ? "–" : signed(row, interval.low()) + " … " + signed(row, interval.high()),
                        row.sqnrDb(),
                        figure(row, row.byDefault()),
                        figure(row, row.plain()),
                        row.sizeRatio(),
                        row.metric().equals("spearman") ? "≥" : "≤",
                        figure(row, wanted.limit()),
                        figure(row, wanted.goal()),
                        wanted.holds(row) ? "holds" : "**missed**");
    }

    private static String figure(Row row, double value) {
        return row.metric().equals("spearman")
                ? String.format(Locale.ROOT, "%.2f", value * 100)
                : String.format(Locale.ROOT, "%.4f", value);
    }

    private static String signed(Row row, double value) {
        return row.metric().equals("spearman")
                ? String.format(Locale.ROOT, "%+.2f", value * 100)
                : String.format(Locale.ROOT, "%+.4f", value);
    }
}
