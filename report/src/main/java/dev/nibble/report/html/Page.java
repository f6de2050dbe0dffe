package dev.nibble.report.html;

import dev.nibble.report.AttentionMask;
import dev.nibble.report.Badge;
import dev.nibble.report.Figures;
import dev.nibble.report.FileRecord;
import dev.nibble.report.Finding;
import dev.nibble.report.GeneratedText;
import dev.nibble.report.Measurement;
import dev.nibble.report.Metric;
import dev.nibble.report.ResultDocument;
import dev.nibble.report.SamplePicture;
import dev.nibble.report.Skipped;
import dev.nibble.report.TensorHistogram;
import dev.nibble.report.TensorRow;
import dev.nibble.report.Verdict;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What the templates place: the document with everything computed that a page needs.
record Page(
        ResultDocument document,
        Verdict verdict,
        AccuracyView accuracy,
        LadderView ladder,
        Strip strip,
        List<HistogramView> histograms,
        List<SkippedGroup> skipped,
        Assets assets,
        String chartData) {
    /// Histograms on the page.
    private static final int HISTOGRAMS = 10;

    /// Generated texts on the page.
    private static final int GENERATED = 6;

    /// Pictures up to this width show their pixels.
    private static final int SMALL_PIXELS = 96;

    /// The same operator left alone for the same reason.
    record SkippedGroup(String op, String reason, List<String> nodes) {}

    /// A figure in large print.
    record Tile(String label, String value, String aside) {}

    static Page of(ResultDocument document, Assets assets) {
        List<TensorHistogram> worst = document.histograms();
        List<HistogramView> histograms = worst.subList(0, Math.min(HISTOGRAMS, worst.size())).stream()
                .map(HistogramView::of)
                .toList();
        return new Page(
                document,
                document.verdict(),
                AccuracyView.of(document),
                LadderView.of(document),
                Strip.of(document.layers()),
                histograms,
                group(document.skipped()),
                assets,
                ChartData.json(document.layers(), histograms));
    }

    private static List<SkippedGroup> group(List<Skipped> skipped) {
        Map<List<String>, List<String>> groups = new LinkedHashMap<>();
        for (Skipped s : skipped) {
            String op = s.op() == null ? "" : s.op();
            groups.computeIfAbsent(List.of(op, s.reason()), k -> new ArrayList<>())
                    .add(s.node());
        }
        return groups.entrySet().stream()
                .map(e -> new SkippedGroup(e.getKey().get(0), e.getKey().get(1), e.getValue()))
                .toList();
    }

    List<Finding> findings() {
        return document.findings().stream()
                .sorted(Comparator.comparing(Finding::severity))
                .toList();
    }

    /// Worst first; what is not known comes last.
    List<TensorRow> tensors() {
        return document.tensors().stream()
                .sorted(Comparator.comparing(
                        TensorRow::sqnrDb, Comparator.nullsLast(Comparator.<Double>naturalOrder())))
                .toList();
    }

    /// What masked places got in the model as given.
    static String fill(AttentionMask mask) {
        return mask.fill() == null ? "−∞" : Figures.number(mask.fill());
    }

    /// Where in the range the scores begin, in percent of it.
    static String from(AttentionMask mask) {
        return Strip.decimal(percent(mask, mask.least()));
    }

    /// How much of the range they take, in percent.
    static String width(AttentionMask mask) {
        return Strip.decimal(percent(mask, mask.most()) - percent(mask, mask.least()));
    }

    private static double percent(AttentionMask mask, double value) {
        double width = mask.max() - mask.min();
        return width > 0 ? Math.clamp((value - mask.min()) / width, 0, 1) * 100 : 0;
    }

    /// The first texts that the models wrote.
    List<GeneratedText.Sample> generatedSamples() {
        GeneratedText generated = document.generated();
        return generated == null
                ? List.of()
                : generated.samples().stream().limit(GENERATED).toList();
    }

    /// Those that only the quantized model gets wrong come first, then those where the answers differ.
    List<SamplePicture> pictures() {
        return document.pictures().stream()
                .sorted(Comparator.comparingInt(Page::interest))
                .toList();
    }

    private static int interest(SamplePicture picture) {
        boolean same =
                picture.floatAnswer().text().equals(picture.quantizedAnswer().text());
        boolean lost = Objects.equals(picture.floatAnswer().right(), true)
                && Objects.equals(picture.quantizedAnswer().right(), false);
        return lost ? 0 : same ? 2 : 1;
    }

    List<Tile> tiles() {
        List<Tile> tiles = new ArrayList<>();
        Measurement headline = document.headline();
        Metric metric = headline.metric();
        if (metric != null) {
            String name = Figures.metricName(metric.name());
            tiles.add(new Tile("float", Figures.metricValue(metric.name(), metric.floatValue()), name));
            tiles.add(new Tile(document.precision(), Figures.metricValue(metric.name(), metric.quantized()), name));
            tiles.add(new Tile(
                    "change",
                    Figures.metricDifference(metric.name(), (Double) metric.difference()),
                    (metric.ci95() == null ? "" : Figures.metricDifference(metric.name(), metric.differenceCi95()))
                            + Figures.metricUnit(metric.name())));
        }
        if (headline.sqnrDb() != null) {
            tiles.add(new Tile("output SQNR", Figures.decibels(headline.sqnrDb()), "against float"));
        }
        if (metric == null && headline.cosine() != null) {
            tiles.add(new Tile("cosine", Figures.cosine(headline.cosine()), "against float"));
        }
        if (metric == null && headline.argmaxAgreement() != null) {
            tiles.add(new Tile("agreement", Figures.percent(headline.argmaxAgreement()), "same first answer"));
        }
        document.files().stream()
                .filter(f -> f.path().endsWith(".qdq.onnx"))
                .findFirst()
                .ifPresent(f -> tiles.add(new Tile("file", Figures.bytes(f.bytes()), ratioOr(f))));
        return tiles;
    }

    private String ratioOr(FileRecord file) {
        String ratio = ratio(file);
        return ratio.isEmpty() ? file.path() : ratio + " of the float file";
    }

    /// Size against the model that was read: `0.27×`; empty for other files.
    String ratio(FileRecord file) {
        Long bytes = document.model().bytes();
        return bytes == null || bytes == 0 || !file.path().endsWith(".onnx")
                ? ""
                : String.format(Locale.ROOT, "%.2f×", (double) file.bytes() / bytes);
    }

    /// Where the numbers of a field come from; empty where that is not said.
    String badge(String field) {
        Badge badge = document.badges().get(field);
        return badge == null ? "" : badge.label();
    }

    String reproduceVersions() {
        StringBuilder text = new StringBuilder();
        document.reproduce()
                .versions()
                .forEach((name, version) -> text.append(text.isEmpty() ? "" : " · ")
                        .append(name)
                        .append(' ')
                        .append(version));
        return text.toString();
    }

    /// A line through the series in a box of 200 × 60.
    static String polyline(List<Double> series) {
        double low = series.stream().mapToDouble(d -> d).min().orElse(0);
        double high = series.stream().mapToDouble(d -> d).max().orElse(1);
        double size = high > low ? high - low : 1;
        StringBuilder points = new StringBuilder();
        for (int i = 0; i < series.size(); i++) {
            double x = 200.0 * i / Math.max(1, series.size() - 1);
            double y = 57 - 54 * (series.get(i) - low) / size;
            points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x, y));
        }
        return points.toString().strip();
    }

    static String option(Object value) {
        return value instanceof List<?> list
                ? list.stream().map(String::valueOf).collect(Collectors.joining(", "))
                : String.valueOf(value);
    }

    /// The text with its numbers and units kept on one line.
    static String unbroken(String text) {
        return text.replace(" %", "\u00a0%")
                .replace(" dB", "\u00a0dB")
                .replace(" points", "\u00a0points")
                .replace(" … ", "\u00a0…\u00a0");
    }

    /// A PNG of few pixels, to be enlarged with sharp ones. The width stands in bytes 16 to 19 of the file.
    static boolean pixelated(String dataUri) {
        String base64 = dataUri.substring(dataUri.indexOf(',') + 1);
        if (base64.length() < 28) {
            return false;
        }
        byte[] head = Base64.getDecoder().decode(base64.substring(0, 28));
        int width = ByteBuffer.wrap(head).getInt(16);
        return width > 0 && width <= SMALL_PIXELS;
    }

    /// For sorting by script: the bare number; empty where it is absent.
    static String raw(@Nullable Number value) {
        return value == null ? "" : value.toString();
    }
}
