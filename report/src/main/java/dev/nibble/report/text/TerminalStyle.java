package dev.nibble.report.text;

/// What the terminal can show; decided by whoever prints.
///
/// @param width columns
/// @param color with ANSI colours
/// @param unicode with characters beyond ASCII for signs and dots; names are shown as they are
public record TerminalStyle(int width, boolean color, boolean unicode) {
    /// Narrower terminals get lines that wrap.
    public static final int MIN_WIDTH = 40;

    /// For files and pipes.
    public static final TerminalStyle PLAIN = new TerminalStyle(100, false, true);

    public TerminalStyle {
        width = Math.max(width, MIN_WIDTH);
    }

    String bold(String text) {
        return sequence("1", text);
    }

    String dim(String text) {
        return sequence("2", text);
    }

    String red(String text) {
        return sequence("1;31", text);
    }

    String yellow(String text) {
        return sequence("33", text);
    }

    String green(String text) {
        return sequence("32", text);
    }

    private String sequence(String code, String text) {
        return color && !text.isEmpty() ? "\u001b[" + code + "m" + text + "\u001b[0m" : text;
    }

    /// Nibble's own signs in ASCII where the terminal shows no others.
    String signs(String text) {
        return unicode
                ? text
                : text.replace("−", "-")
                        .replace("…", "..")
                        .replace("–", "-")
                        .replace("±", "+-")
                        .replace("→", "->")
                        .replace("·", "|")
                        .replace("×", "x")
                        .replace("─", "-");
    }
}
