package dev.nibble.report.html;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// A line over runs, from zero up, in a box of 1000 × 170.
///
/// @param points of the polyline
/// @param ticks of the vertical axis
/// @param runs at the right end
record TimeLine(String points, List<Tick> ticks, int runs) {
    private static final double LEFT = 80;
    private static final double RIGHT = 990;
    private static final double TOP = 12;
    private static final double BOTTOM = 145;

    /// @param y from the top
    record Tick(double y, String label) {}

    static TimeLine of(List<Integer> at, List<Double> values) {
        double most = values.stream().mapToDouble(v -> v).max().orElse(0);
        double step = step(most);
        int steps = (int) Math.max(1, Math.ceil(most / step));
        double scale = (BOTTOM - TOP) / (steps * step);
        List<Tick> ticks = new ArrayList<>();
        for (int i = 0; i <= steps; i++) {
            ticks.add(new Tick(BOTTOM - scale * i * step, label(i * step)));
        }
        int runs = Math.max(1, at.getLast());
        StringBuilder points = new StringBuilder();
        for (int i = 0; i < values.size(); i++) {
            points.append(String.format(
                    Locale.ROOT,
                    "%.1f,%.1f ",
                    LEFT + (RIGHT - LEFT) * at.get(i) / runs,
                    BOTTOM - scale * values.get(i)));
        }
        return new TimeLine(points.toString().strip(), ticks, runs);
    }

    /// A round step of which two to five reach `most`.
    private static double step(double most) {
        if (!(most > 0)) {
            return 1;
        }
        double power = Math.pow(10, Math.floor(Math.log10(most)));
        double first = most / power;
        return power * (first <= 2 ? 0.5 : first <= 5 ? 1 : 2);
    }

    private static String label(double value) {
        return value == Math.rint(value)
                ? String.format(Locale.ROOT, "%,.0f", value)
                : String.format(Locale.ROOT, "%.3g", value);
    }
}
