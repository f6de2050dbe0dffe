package dev.nibble.report.text;

import dev.nibble.report.Figures;
import dev.nibble.report.Finding;
import dev.nibble.report.Verdict;

/// Builds the lines of a terminal report.
final class Text {
    private final TerminalStyle style;
    private final StringBuilder out = new StringBuilder();

    Text(TerminalStyle style) {
        this.style = style;
    }

    void verdict(Verdict verdict) {
        String sentence = wrap(verdict.sentence(), 0);
        out.append(
                        switch (verdict.level()) {
                            case BROKEN -> style.red(sentence);
                            case LOSS, SMALL_LOSS -> style.yellow(sentence);
                            case KEPT -> style.green(sentence);
                            case UNKNOWN -> style.bold(sentence);
                        })
                .append('\n');
        verdict.notes().forEach(n -> bullet("note:", n));
    }

    void finding(Finding finding) {
        String label = finding.severity().label();
        String head = switch (finding.severity()) {
            case ERROR -> style.red(label);
            case WARNING -> style.yellow(label);
            case NOTE -> style.dim(label);
        };
        out.append(head)
                .append(" " + wrap(finding.code() + ": " + finding.text(), label.length() + 1))
                .append('\n');
        if (finding.fix() != null) {
            bullet("fix:", finding.fix());
        }
    }

    void heading(String title, String aside) {
        if (!out.isEmpty()) {
            out.append('\n');
        }
        out.append(style.bold(clean(title)));
        if (!aside.isEmpty()) {
            out.append("  ").append(style.dim(clean(aside)));
        }
        out.append('\n');
    }

    /// A table under its heading; nothing where the table is empty.
    void section(String title, int rows, TextTable table, boolean all) {
        if (table.isEmpty()) {
            return;
        }
        int shown = all ? rows : Math.min(rows, TerminalReport.TOP);
        heading(title, shown < rows ? shown + " of " + Figures.count(rows, "row") + ", --all shows the rest" : "");
        table(table);
    }

    void table(TextTable table) {
        out.append(table.render(style));
    }

    void line(String text) {
        out.append(out.isEmpty() ? "" : "\n").append(wrap(text, 0)).append('\n');
    }

    void bullet(String sign, String text) {
        out.append("  ")
                .append(sign)
                .append(' ')
                .append(wrap(text, sign.length() + 3))
                .append('\n');
    }

    void more(int hidden) {
        out.append("  ")
                .append(style.dim(clean("… " + hidden + " more, --all shows them")))
                .append('\n');
    }

    void step(String command, String why) {
        out.append("  ")
                .append(style.bold(clean(command)))
                .append("\n      ")
                .append(wrap(why, 6))
                .append('\n');
    }

    private String clean(String text) {
        return style.signs(DisplayWidth.clean(text));
    }

    /// Breaks at spaces so that no line is wider than the terminal; further lines are indented, the first one is
    /// taken to start at that column.
    private String wrap(String text, int indent) {
        StringBuilder lines = new StringBuilder();
        int used = indent;
        boolean fresh = true;
        for (String word : clean(text).split(" ", -1)) {
            int width = DisplayWidth.of(word);
            if (!fresh && used + 1 + width > style.width()) {
                lines.append('\n').append(" ".repeat(indent));
                used = indent;
                fresh = true;
            }
            if (!fresh) {
                lines.append(' ');
                used++;
            }
            lines.append(word);
            used += width;
            fresh = false;
        }
        return lines.toString();
    }

    @Override
    public String toString() {
        return out.toString();
    }
}
