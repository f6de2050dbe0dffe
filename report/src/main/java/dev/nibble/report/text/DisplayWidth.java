package dev.nibble.report.text;

/// Columns that text takes in a terminal: two for East Asian wide characters and pictographs, none for combining
/// marks.
final class DisplayWidth {
    private DisplayWidth() {}

    static int of(String text) {
        return text.codePoints().map(DisplayWidth::of).sum();
    }

    static int of(int codePoint) {
        return switch (Character.getType(codePoint)) {
            case Character.NON_SPACING_MARK, Character.ENCLOSING_MARK, Character.FORMAT, Character.CONTROL -> 0;
            default -> wide(codePoint) ? 2 : 1;
        };
    }

    /// The text without what could move the cursor or reverse the line: control and format characters become `?`.
    static String clean(String text) {
        StringBuilder clean = new StringBuilder(text.length());
        text.codePoints().forEach(c -> {
            int type = Character.getType(c);
            boolean unsafe = type == Character.CONTROL
                    || type == Character.FORMAT
                    || type == Character.LINE_SEPARATOR
                    || type == Character.PARAGRAPH_SEPARATOR
                    || type == Character.SURROGATE;
            clean.appendCodePoint(unsafe ? '?' : c);
        });
        return clean.toString();
    }

    /// At most `width` columns: the middle goes, since names of tensors differ at their ends.
    static String shorten(String text, int width, String ellipsis) {
        if (of(text) <= width) {
            return text;
        }
        int room = Math.max(0, width - of(ellipsis));
        int[] points = text.codePoints().toArray();
        int head = 0;
        int used = 0;
        while (head < points.length && used + of(points[head]) <= room / 3) {
            used += of(points[head++]);
        }
        int tail = points.length;
        while (tail > head && used + of(points[tail - 1]) <= room) {
            used += of(points[--tail]);
        }
        return new String(points, 0, head) + ellipsis + new String(points, tail, points.length - tail);
    }

    private static boolean wide(int c) {
        return c >= 0x1100
                && (c <= 0x115f
                        || (c >= 0x2e80 && c <= 0xa4cf && c != 0x303f)
                        || (c >= 0xac00 && c <= 0xd7a3)
                        || (c >= 0xf900 && c <= 0xfaff)
                        || (c >= 0xfe30 && c <= 0xfe6f)
                        || (c >= 0xff00 && c <= 0xff60)
                        || (c >= 0xffe0 && c <= 0xffe6)
                        || (c >= 0x1f300 && c <= 0x1faff)
                        || (c >= 0x20000 && c <= 0x3fffd));
    }
}
