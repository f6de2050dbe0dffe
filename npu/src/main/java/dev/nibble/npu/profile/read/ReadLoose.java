package dev.nibble.npu.profile.read;

import dev.nibble.npu.profile.Unit;
import dev.nibble.npu.profile.Where;
import java.io.IOException;
import java.util.Locale;

/// The form that circulates in tutorials: a line that begins with `Node`, then a name, perhaps an operator in
/// parentheses, and ends with a figure: `Node conv1 (Conv2d) execute time: 12.3 us`.
final class ReadLoose {
    private ReadLoose() {}

    static boolean isNode(String line) {
        String text = line.strip();
        return text.regionMatches(true, 0, "node ", 0, 5) && figureAt(text) > 0;
    }

    static void read(Lines lines, Recorder recorder) throws IOException {
        for (String line = lines.next(); line != null; line = lines.next()) {
            String text = line.strip();
            if (text.isEmpty() || ReadText.isRule(text)) {
                continue;
            }
            if (isNode(text)) {
                node(text, recorder, lines.number());
            } else {
                recorder.skip("a line that is no node", lines.number());
            }
        }
    }

    private static void node(String text, Recorder recorder, long where) {
        int space = text.lastIndexOf(' ');
        int figure = figureAt(text);
        Quantity quantity = Quantity.of(text.substring(space + 1));
        if (quantity == null || quantity.unit() != Unit.MICROS && quantity.unit() != Unit.CYCLES) {
            recorder.skip("a node without a time", where);
            return;
        }
        String rest = text.substring(5, figure).strip();
        int end = 0;
        while (end < rest.length() && !Character.isWhitespace(rest.charAt(end)) && rest.charAt(end) != '(') {
            end++;
        }
        String name = rest.substring(0, end);
        while (name.endsWith(":") || name.endsWith(",") || name.endsWith("=")) {
            name = name.substring(0, name.length() - 1);
        }
        if (name.isEmpty()) {
            recorder.skip("a node without a name", where);
            return;
        }
        double value = Quantity.number(text.substring(figure, space).strip()) * quantity.factor();
        recorder.node(name, quantity.unit(), value, where);
        int number = recorder.numberOf(name);
        String after = rest.substring(end).strip();
        int close = after.indexOf(')');
        if (after.startsWith("(") && close > 1) {
            recorder.operators.putIfAbsent(number, after.substring(1, close));
        }
        Where place = Where.of(after.toLowerCase(Locale.ROOT));
        recorder.places.putIfAbsent(number, place);
    }

    /// Where the figure at the end begins; 0 where there is none.
    private static int figureAt(String text) {
        int space = text.lastIndexOf(' ');
        if (space <= 0 || Quantity.of(text.substring(space + 1)) == null) {
            return 0;
        }
        int end = space;
        while (end > 0 && text.charAt(end - 1) == ' ') {
            end--;
        }
        int from = end;
        while (from > 0 && " :=,".indexOf(text.charAt(from - 1)) < 0) {
            from--;
        }
        return from > 5 && !Double.isNaN(Quantity.number(text.substring(from, end))) ? from : 0;
    }
}
