package dev.nibble.report.html;

import dev.nibble.report.Figures;
import dev.nibble.report.Interval;
import dev.nibble.report.Measurement;
import dev.nibble.report.Metric;
import dev.nibble.report.ResultDocument;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Float against quantized on the same samples, each with its interval.
record AccuracyView(List<Block> blocks, List<Closeness> closeness) {
    /// A metric. @param low left end of the axis, as text @param high right end
    record Block(String name, long n, @Nullable String chance, List<Row> rows, String low, String high) {}

    /// @param change in points against float; empty for float itself
    record Row(
            String model,
            String value,
            String ci95,
            String change,
            String changeCi95,
            @Nullable Whisker whisker) {}

    /// Positions in percent of the axis.
    record Whisker(String left, String width, String at) {}

    /// A figure that needs no labels. @param byDefault with default optimization
    record Closeness(String name, String meaning, String value, String byDefault) {}

    static AccuracyView of(ResultDocument document) {
        Measurement headline = document.headline();
        Measurement other = document.defaultOptimization();
        List<Block> blocks = new ArrayList<>();
        if (headline.metric() != null) {
            blocks.add(block(headline.metric(), other == null ? null : other.metric()));
        }
        for (Metric metric : headline.metrics()) {
            Metric twin = other == null
                    ? null
                    : other.metrics().stream()
                            .filter(m -> m.name().equals(metric.name()))
                            .findFirst()
                            .orElse(null);
            blocks.add(block(metric, twin));
        }
        List<Closeness> closeness = new ArrayList<>();
        add(
                closeness,
                "SQNR",
                "signal to quantization noise of the outputs",
                document.sqnrDb() == null ? null : Figures.decibels(document.sqnrDb()),
                other == null ? Figures.ABSENT : Figures.decibels(other.sqnrDb()));
        add(
                closeness,
                "cosine",
                "direction of the outputs; 1 is the same",
                document.cosine() == null ? null : Figures.cosine(document.cosine()),
                other == null ? Figures.ABSENT : Figures.cosine(other.cosine()));
        add(
                closeness,
                "KL divergence",
                "between the output distributions; 0 is the same",
                document.klNats() == null ? null : Figures.metricValue("klNats", document.klNats()),
                other == null ? Figures.ABSENT : Figures.metricValue("klNats", other.klNats()));
        add(
                closeness,
                "arg-max agreement",
                "samples with the same first answer",
                document.argmaxAgreement() == null ? null : Figures.percent(document.argmaxAgreement()),
                other == null ? Figures.ABSENT : Figures.percent(other.argmaxAgreement()));
        return new AccuracyView(blocks, closeness);
    }

    private static void add(
            List<Closeness> closeness, String name, String meaning, @Nullable String value, String byDefault) {
        if (value != null) {
            closeness.add(new Closeness(name, meaning, value, byDefault));
        }
    }

    private static Block block(Metric metric, @Nullable Metric other) {
        double low = Math.min(metric.floatValue(), metric.quantized());
        double high = Math.max(metric.floatValue(), metric.quantized());
        List<Interval> intervals = new ArrayList<>();
        addIfKnown(intervals, metric.floatCi95());
        addIfKnown(intervals, metric.quantizedCi95());
        if (other != null) {
            low = Math.min(low, other.quantized());
            high = Math.max(high, other.quantized());
            addIfKnown(intervals, other.quantizedCi95());
        }
        for (Interval interval : intervals) {
            low = Math.min(low, interval.low());
            high = Math.max(high, interval.high());
        }
        double pad = Math.max(0.001, (high - low) * 0.08);
        low = Math.max(0, low - pad);
        high = Figures.lessIsBetter(metric.name()) ? high + pad : Math.min(1, high + pad);
        if (!(high > low)) {
            low = 0;
            high = 1;
        }
        List<Row> rows = new ArrayList<>();
        String name = metric.name();
        rows.add(row(name, "float", metric.floatValue(), metric.floatCi95(), null, low, high));
        rows.add(row(name, "quantized", metric.quantized(), metric.quantizedCi95(), metric, low, high));
        if (other != null) {
            rows.add(row(
                    name,
                    "quantized, default optimization",
                    other.quantized(),
                    other.quantizedCi95(),
                    other,
                    low,
                    high));
        }
        return new Block(
                Figures.metricName(metric.name()),
                metric.n(),
                metric.chance() == null ? null : Figures.percent(metric.chance()),
                rows,
                Figures.metricValue(metric.name(), low),
                Figures.metricValue(metric.name(), high));
    }

    private static void addIfKnown(List<Interval> intervals, @Nullable Interval interval) {
        if (interval != null) {
            intervals.add(interval);
        }
    }

    private static Row row(
            String name,
            String model,
            double value,
            @Nullable Interval ci95,
            @Nullable Metric change,
            double low,
            double high) {
        double from = ci95 == null ? value : ci95.low();
        double to = ci95 == null ? value : ci95.high();
        double axis = high - low;
        return new Row(
                model,
                Figures.metricValue(name, value),
                Figures.metricInterval(name, ci95),
                change == null ? "" : Figures.metricDifference(name, (Double) change.difference()),
                change == null ? "" : Figures.metricDifference(name, change.differenceCi95()),
                new Whisker(
                        Strip.decimal((from - low) * 100 / axis),
                        Strip.decimal((to - from) * 100 / axis),
                        Strip.decimal((value - low) * 100 / axis)));
    }
}
