package dev.nibble.report.html;

import dev.nibble.report.ChannelRanges;
import dev.nibble.report.Figures;
import dev.nibble.report.Interval;
import dev.nibble.report.LadderRung;
import dev.nibble.report.Metric;
import dev.nibble.report.ResultDocument;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The recipe step by step, the layers' SQNR before and after it, and what it did to the ranges of the worst weight.
///
/// @param metric what is measured; empty without labels
/// @param low left end of the axis, as text @param high right end
/// @param strips of plain rounding and of the whole recipe
record LadderView(
        String metric,
        String low,
        String high,
        List<Row> rows,
        List<Strip.Row> strips,
        int layers,
        @Nullable Ranges ranges) {
    /// Height of the picture of ranges, in its own units.
    static final int HEIGHT = 100;

    /// Bars that are drawn at most; of more channels, every second, third, … is left out.
    private static final int BARS = 256;

    record Row(
            String step,
            String value,
            String ci95,
            String change,
            String changeCi95,
            String sqnr,
            String seconds,
            AccuracyView.@Nullable Whisker whisker) {}

    /// @param low the smallest range shown, as text @param high the largest
    /// @param before a line for each channel, sorted by its range before @param after the same channels after
    record Ranges(
            String node,
            String weight,
            int channels,
            int width,
            String low,
            String high,
            List<Bar> before,
            List<Bar> after) {}

    /// @param y upper end
    record Bar(int x, String y, String height, String title) {}

    static LadderView of(ResultDocument document) {
        List<LadderRung> rungs = document.ladder();
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        String name = "";
        for (LadderRung rung : rungs) {
            Metric metric = rung.metric();
            if (metric != null) {
                name = metric.name();
                low = Math.min(
                        low,
                        Math.min(
                                low(metric.quantized(), metric.quantizedCi95()),
                                low(metric.floatValue(), metric.floatCi95())));
                high = Math.max(
                        high,
                        Math.max(
                                high(metric.quantized(), metric.quantizedCi95()),
                                high(metric.floatValue(), metric.floatCi95())));
            }
        }
        double pad = Math.max(0.001, (high - low) * 0.08);
        low = Math.max(0, low - pad);
        high = high + pad;
        List<Row> rows = new ArrayList<>();
        if (!rungs.isEmpty() && rungs.getFirst().metric() instanceof Metric metric) {
            rows.add(new Row(
                    "float",
                    Figures.metricValue(metric.name(), metric.floatValue()),
                    Figures.metricInterval(metric.name(), metric.floatCi95()),
                    "",
                    "",
                    "",
                    "",
                    whisker(metric.floatValue(), metric.floatCi95(), low, high)));
        }
        for (LadderRung rung : rungs) {
            rows.add(row(rung, low, high, rung == rungs.getFirst()));
        }
        List<Strip.Row> strips = new ArrayList<>();
        int layers = 0;
        if (rungs.size() > 1) {
            layers = Math.max(
                    rungs.getFirst().layers().size(), rungs.getLast().layers().size());
            strips.addAll(strip(rungs.getFirst(), "before", "plain rounding, graph-wise"));
            strips.addAll(strip(rungs.getLast(), "after", "the whole recipe, graph-wise"));
        }
        return new LadderView(
                name.isEmpty() ? "" : Figures.metricName(name),
                name.isEmpty() ? "" : Figures.metricValue(name, low),
                name.isEmpty() ? "" : Figures.metricValue(name, high),
                rows,
                strips,
                layers,
                document.channelRanges() == null ? null : ranges(document.channelRanges()));
    }

    private static List<Strip.Row> strip(LadderRung rung, String label, String description) {
        return Strip.of(rung.layers()).rows().stream()
                .filter(row -> row.label().equals("graph-wise"))
                .map(row -> new Strip.Row(label, description, row.cells()))
                .toList();
    }

    private static Row row(LadderRung rung, double low, double high, boolean first) {
        Metric metric = rung.metric();
        String step = first ? rung.step() : "+ " + rung.step();
        String sqnr = Figures.decibels(rung.sqnrDb());
        String seconds = Figures.seconds(rung.seconds());
        if (metric == null) {
            return new Row(step, "", "", "", "", sqnr, seconds, null);
        }
        return new Row(
                step,
                Figures.metricValue(metric.name(), metric.quantized()),
                Figures.metricInterval(metric.name(), metric.quantizedCi95()),
                Figures.metricDifference(metric.name(), (Double) metric.difference()),
                Figures.metricDifference(metric.name(), metric.differenceCi95()),
                sqnr,
                seconds,
                whisker(metric.quantized(), metric.quantizedCi95(), low, high));
    }

    /// @param low left end of the axis @param high right end
    private static AccuracyView.Whisker whisker(double value, @Nullable Interval interval, double low, double high) {
        double from = low(value, interval);
        double axis = high - low;
        return new AccuracyView.Whisker(
                Strip.decimal((from - low) * 100 / axis),
                Strip.decimal((high(value, interval) - from) * 100 / axis),
                Strip.decimal((value - low) * 100 / axis));
    }

    private static double low(double value, @Nullable Interval interval) {
        return interval == null ? value : interval.low();
    }

    private static double high(double value, @Nullable Interval interval) {
        return interval == null ? value : interval.high();
    }

    private static @Nullable Ranges ranges(ChannelRanges ranges) {
        List<Double> all = new ArrayList<>(ranges.before());
        all.addAll(ranges.after());
        double largest = all.stream().mapToDouble(d -> d).max().orElse(0);
        if (!(largest > 0)) {
            return null;
        }
        double smallest = all.stream()
                .mapToDouble(d -> d)
                .filter(d -> d > largest * 1e-4)
                .min()
                .orElse(largest);
        double low = Math.log(smallest) - 0.2;
        double high = Math.log(largest);
        int step = Math.ceilDiv(ranges.before().size(), BARS);
        List<Integer> order = IntStream.range(0, ranges.before().size())
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -ranges.before().get(i)))
                .filter(new Every(step)::keeps)
                .toList();
        return new Ranges(
                ranges.node(),
                ranges.weight(),
                ranges.before().size(),
                order.size(),
                Figures.number(Math.exp(low)),
                Figures.number(largest),
                bars(ranges.before(), order, low, high),
                bars(ranges.after(), order, low, high));
    }

    /// Keeps one of each few.
    private static final class Every {
        private final int step;
        private int seen;

        Every(int step) {
            this.step = step;
        }

        boolean keeps(Integer channel) {
            return seen++ % step == 0;
        }
    }

    private static List<Bar> bars(List<Double> ranges, List<Integer> order, double low, double high) {
        List<Bar> bars = new ArrayList<>();
        for (int x = 0; x < order.size(); x++) {
            double range = ranges.get(order.get(x));
            double height = range > 0 ? Math.clamp((Math.log(range) - low) / (high - low), 0, 1) * HEIGHT : 0;
            bars.add(new Bar(
                    x,
                    String.format(Locale.ROOT, "%.1f", HEIGHT - height),
                    String.format(Locale.ROOT, "%.1f", height),
                    "channel " + order.get(x) + ": " + Figures.number(range)));
        }
        return bars;
    }
}
