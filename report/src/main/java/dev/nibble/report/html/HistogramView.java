package dev.nibble.report.html;

import dev.nibble.report.Figures;
import dev.nibble.report.RangeChoice;
import dev.nibble.report.TensorHistogram;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// A histogram drawn over equal bins on a logarithmic count axis, with the ranges beside it.
///
/// @param bars of [#WIDTH] × [#HEIGHT]
/// @param counts of the equal bins, for the interactive chart
/// @param clipped share of the values outside the chosen range, as text
record HistogramView(
        TensorHistogram source,
        double low,
        double high,
        List<Bar> bars,
        List<Double> counts,
        Range chosen,
        List<Range> ranges,
        String clipped) {
    static final int BINS = 120;
    static final int WIDTH = 600;
    static final int HEIGHT = 120;

    /// @param outside the chosen range
    record Bar(String x, String y, String width, String height, boolean outside) {}

    /// @param left start in percent of the axis
    /// @param width in percent of the axis
    record Range(RangeChoice choice, String left, String width, boolean inUse) {}

    static HistogramView of(TensorHistogram histogram) {
        RangeChoice chosen = histogram.chosen();
        double low = chosen.min();
        double high = chosen.max();
        for (RangeChoice other : histogram.alternatives()) {
            low = Math.min(low, other.min());
            high = Math.max(high, other.max());
        }
        if (!histogram.edges().isEmpty()) {
            low = Math.min(low, histogram.edges().getFirst());
            high = Math.max(high, histogram.edges().getLast());
        }
        if (!(high > low)) {
            double pad = Math.max(1e-6, Math.abs(low));
            low -= pad;
            high += pad;
        }
        double[] counts = rebin(histogram, low, high);
        List<Range> ranges = new ArrayList<>();
        if (histogram.alternatives().stream().noneMatch(r -> inUse(r, chosen))) {
            ranges.add(range(chosen, low, high, true));
        }
        for (RangeChoice r : histogram.alternatives()) {
            ranges.add(range(r, low, high, inUse(r, chosen)));
        }
        List<Double> boxed = new ArrayList<>();
        for (double c : counts) {
            boxed.add((double) Math.round(c * 10) / 10);
        }
        return new HistogramView(
                histogram,
                low,
                high,
                bars(counts, low, high, chosen),
                boxed,
                range(chosen, low, high, true),
                ranges,
                clipped(histogram));
    }

    private static boolean inUse(RangeChoice range, RangeChoice chosen) {
        return range.calibrator().equals(chosen.calibrator());
    }

    /// Spreads each bin's count evenly over the equal bins that it overlaps.
    static double[] rebin(TensorHistogram histogram, double low, double high) {
        double[] counts = new double[BINS];
        double step = (high - low) / BINS;
        for (int i = 0; i < histogram.counts().size(); i++) {
            double from = histogram.edges().get(i);
            double to = histogram.edges().get(i + 1);
            int first = Math.clamp((long) Math.floor((from - low) / step), 0, BINS - 1);
            int last = Math.clamp((long) Math.ceil((to - low) / step) - 1, first, BINS - 1);
            for (int b = first; b <= last; b++) {
                double left = b == first ? from : low + b * step;
                double right = b == last ? to : low + (b + 1) * step;
                counts[b] += histogram.counts().get(i) * Math.max(0, right - left) / (to - from);
            }
        }
        return counts;
    }

    private static List<Bar> bars(double[] counts, double low, double high, RangeChoice chosen) {
        double most = 0;
        for (double c : counts) {
            most = Math.max(most, c);
        }
        List<Bar> bars = new ArrayList<>();
        double width = (double) WIDTH / BINS;
        for (int b = 0; b < BINS; b++) {
            if (counts[b] > 0) {
                double height = Math.max(1, HEIGHT * Math.log1p(counts[b]) / Math.log1p(most));
                double middle = low + (b + 0.5) * (high - low) / BINS;
                bars.add(new Bar(
                        tenth(b * width),
                        tenth(HEIGHT - height),
                        tenth(width),
                        tenth(height),
                        middle < chosen.min() || middle > chosen.max()));
            }
        }
        return bars;
    }

    private static Range range(RangeChoice choice, double low, double high, boolean inUse) {
        return new Range(
                choice,
                Strip.decimal((choice.min() - low) * 100 / (high - low)),
                Strip.decimal((choice.max() - choice.min()) * 100 / (high - low)),
                inUse);
    }

    private static String clipped(TensorHistogram histogram) {
        double all = 0;
        double outside = 0;
        for (int i = 0; i < histogram.counts().size(); i++) {
            double from = histogram.edges().get(i);
            double to = histogram.edges().get(i + 1);
            double inside = Math.min(to, histogram.chosen().max())
                    - Math.max(from, histogram.chosen().min());
            double count = histogram.counts().get(i);
            all += count;
            outside += count * (1 - Math.clamp(inside / (to - from), 0.0, 1.0));
        }
        if (all == 0) {
            return "";
        }
        double share = outside / all;
        return share == 0
                ? "nothing clipped"
                : share < 1e-6 ? "less than 1 in a million clipped" : percent(share) + " clipped";
    }

    private static String percent(double share) {
        return share < 1e-4 ? String.format(Locale.ROOT, "%.4f %%", share * 100) : Figures.percent(share);
    }

    private static String tenth(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }
}
