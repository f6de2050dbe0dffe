package dev.nibble.report.html;

import dev.nibble.report.Figures;
import dev.nibble.report.LayerError;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// A cell for each layer in topological order, coloured by its SQNR: yellow is bad, blue is good.
///
/// @param rows graph-wise and layer-wise, where known
/// @param worst named, with what to try
record Strip(List<Row> rows, List<Named> worst, int layers) {
    /// Colours run between these, so that two reports can be laid side by side.
    static final double WORST_DB = 5;

    static final double BEST_DB = 50;

    private static final int NAMED = 5;

    /// Numbers of markers stand at least so far apart, in percent of the strip.
    private static final double MARKER_PERCENT = 6;

    record Row(String label, String description, List<Cell> cells) {}

    /// @param x left edge; a cell is one wide
    record Cell(int x, String color, String title) {}

    /// @param left position on the strip in percent, for the marker
    /// @param number in topological order, from 1
    /// @param marker the number, or nothing where a worse layer's number stands too near
    record Named(int number, String left, String marker, LayerError layer) {}

    static Strip of(List<LayerError> layers) {
        List<Row> rows = new ArrayList<>();
        add(rows, layers, "graph-wise", "everything quantized: the error that has gathered", LayerError::graphWiseDb);
        add(rows, layers, "layer-wise", "this layer alone quantized", LayerError::layerWiseDb);
        return new Strip(rows, worst(layers), layers.size());
    }

    private static List<Named> worst(List<LayerError> layers) {
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < layers.size(); i++) {
            if (layers.get(i).blameDb() != null) {
                order.add(i);
            }
        }
        order.sort(Comparator.comparingDouble(
                i -> Objects.requireNonNull(layers.get(i).blameDb())));
        List<Named> worst = new ArrayList<>();
        List<Double> numbered = new ArrayList<>();
        for (int i : order.subList(0, Math.min(NAMED, order.size()))) {
            double left = (i + 0.5) * 100 / layers.size();
            boolean free = numbered.stream().noneMatch(other -> Math.abs(other - left) < MARKER_PERCENT);
            if (free) {
                numbered.add(left);
            }
            worst.add(new Named(i + 1, decimal(left), free ? String.valueOf(i + 1) : "", layers.get(i)));
        }
        return worst;
    }

    private static void add(
            List<Row> rows,
            List<LayerError> layers,
            String label,
            String description,
            Function<LayerError, @Nullable Double> figure) {
        List<Cell> cells = new ArrayList<>();
        for (int i = 0; i < layers.size(); i++) {
            Double db = figure.apply(layers.get(i));
            if (db != null) {
                String title = layers.get(i).name() + " (" + layers.get(i).op() + "): " + Figures.decibels(db);
                cells.add(new Cell(i, color(db), title));
            }
        }
        if (!cells.isEmpty()) {
            rows.add(new Row(label, description, cells));
        }
    }

    static String color(double db) {
        return Cividis.at((BEST_DB - db) / (BEST_DB - WORST_DB));
    }

    /// The legend's steps, worst first.
    static List<Cell> legend() {
        List<Cell> steps = new ArrayList<>();
        for (int db = (int) WORST_DB; db <= BEST_DB; db += 5) {
            steps.add(new Cell(steps.size(), color(db), db + " dB"));
        }
        return steps;
    }

    static String decimal(double value) {
        return String.format(Locale.ROOT, "%.3f", value);
    }
}
