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

    record Row(String label, String description, List<Cell> cells) {}

    /// @param x left edge; a cell is one wide
    record Cell(int x, String color, String title) {}

    /// @param left position on the strip in percent, for the marker
    /// @param number in topological order, from 1
    record Named(int number, String left, LayerError layer) {}

    static Strip of(List<LayerError> layers) {
        List<Row> rows = new ArrayList<>();
        add(rows, layers, "graph-wise", "everything quantized: the error that has gathered", LayerError::graphWiseDb);
        add(rows, layers, "layer-wise", "this layer alone quantized", LayerError::layerWiseDb);
        List<Named> worst = new ArrayList<>();
        for (int i = 0; i < layers.size(); i++) {
            worst.add(new Named(i + 1, decimal((i + 0.5) * 100 / layers.size()), layers.get(i)));
        }
        worst.removeIf(n -> own(n.layer()) == null);
        worst.sort(Comparator.comparingDouble(n -> Objects.requireNonNull(own(n.layer()))));
        return new Strip(rows, List.copyOf(worst.subList(0, Math.min(NAMED, worst.size()))), layers.size());
    }

    /// A layer is to blame for what it adds itself; where that is not known, for what has gathered.
    private static @Nullable Double own(LayerError layer) {
        return layer.layerWiseDb() == null ? layer.graphWiseDb() : layer.layerWiseDb();
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
