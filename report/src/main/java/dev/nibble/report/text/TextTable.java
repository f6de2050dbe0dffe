package dev.nibble.report.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// An aligned table. Numbers stand to the right; where the terminal is too narrow the flexible columns give way,
/// losing their middle, as far as names can still be told apart: a table that needs more is wider.
public final class TextTable {
    /// Columns between two columns.
    private static final int GAP = 2;

    /// The first column holds names and gets no narrower.
    private static final int MIN_NAME = 28;

    /// No other flexible column gets narrower.
    private static final int MIN_FLEXIBLE = 8;

    private final List<Column> columns;
    private final List<List<String>> rows = new ArrayList<>();

    /// How a column stands.
    public enum Align {
        /// Text; may be shortened.
        LEFT,
        /// Numbers; never shortened.
        RIGHT
    }

    private record Column(String title, Align align) {}

    private TextTable(List<Column> columns) {
        this.columns = columns;
    }

    /// @param titles a leading `>` puts the column to the right
    public static TextTable of(String... titles) {
        return new TextTable(Arrays.stream(titles)
                .map(t -> t.startsWith(">") ? new Column(t.substring(1), Align.RIGHT) : new Column(t, Align.LEFT))
                .toList());
    }

    /// @throws IllegalArgumentException where the number of cells differs from the number of columns
    public TextTable row(String... cells) {
        if (cells.length != columns.size()) {
            throw new IllegalArgumentException("a row needs " + columns.size() + " cells, but has " + cells.length);
        }
        rows.add(Arrays.stream(cells).map(DisplayWidth::clean).toList());
        return this;
    }

    public boolean isEmpty() {
        return rows.isEmpty();
    }

    /// The table, every line indented by two columns and ended by a line feed.
    public String render(TerminalStyle style) {
        int[] widths = widths(style);
        StringBuilder out = new StringBuilder();
        line(out, columns.stream().map(Column::title).toList(), widths, style, true);
        for (List<String> row : rows) {
            line(out, row, widths, style, false);
        }
        return out.toString();
    }

    private int[] widths(TerminalStyle style) {
        int[] widths = new int[columns.size()];
        for (int i = 0; i < widths.length; i++) {
            int column = i;
            widths[i] = rows.stream()
                    .mapToInt(r -> DisplayWidth.of(style.signs(r.get(column))))
                    .reduce(DisplayWidth.of(columns.get(i).title()), Math::max);
        }
        int excess = Arrays.stream(widths).sum() + GAP * widths.length - style.width();
        while (excess > 0) {
            int widest = -1;
            for (int i = 0; i < widths.length; i++) {
                boolean shrinks =
                        columns.get(i).align() == Align.LEFT && widths[i] > (i == 0 ? MIN_NAME : MIN_FLEXIBLE);
                if (shrinks && (widest < 0 || widths[i] > widths[widest])) {
                    widest = i;
                }
            }
            if (widest < 0) {
                break;
            }
            widths[widest]--;
            excess--;
        }
        return widths;
    }

    private void line(StringBuilder out, List<String> cells, int[] widths, TerminalStyle style, boolean head) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < widths.length; i++) {
            String cell = style.signs(cells.get(i));
            String shown = columns.get(i).align() == Align.LEFT
                    ? DisplayWidth.shorten(cell, widths[i], style.signs("…"))
                    : cell;
            String pad = " ".repeat(Math.max(0, widths[i] - DisplayWidth.of(shown)));
            line.append(" ".repeat(GAP)).append(columns.get(i).align() == Align.LEFT ? shown + pad : pad + shown);
        }
        String text = line.toString().stripTrailing();
        out.append(head ? style.dim(text) : text).append('\n');
    }
}
