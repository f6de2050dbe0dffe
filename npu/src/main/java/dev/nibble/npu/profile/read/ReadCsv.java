package dev.nibble.npu.profile.read;

import dev.nibble.npu.profile.Section;
import dev.nibble.npu.profile.Unit;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// The CSV of `qnn-profile-viewer` and of ONNX Runtime's QNN provider: `Msg Timestamp, Message, Time, Unit of
/// Measurement, Timing Source, Event Level, Event Identifier[, ONNX Source Ops]`.
///
/// Names are free text and are not always quoted, so the first six columns are counted from the left and the rest is
/// the identifier. The message of many rows is `UNKNOWN` or `BACKEND`; what a row is, its identifier says.
final class ReadCsv {
    static final String FIRST = "Msg Timestamp";
    private static final int COLUMNS = 6;
    private static final Quantity CYCLES = new Quantity(Unit.CYCLES, 1);

    private final Recorder recorder;
    private final Lines lines;
    private final int[] commas = new int[COLUMNS];
    private boolean sources;
    private boolean header;
    private Section section = Section.EXECUTE;

    private ReadCsv(Recorder recorder, Lines lines) {
        this.recorder = recorder;
        this.lines = lines;
    }

    static void read(Lines lines, Recorder recorder) throws IOException {
        new ReadCsv(recorder, lines).all();
    }

    /// Whether a line is a row, heading or not.
    static boolean isRow(String line) {
        int at = -1;
        for (int i = 0; i < COLUMNS; i++) {
            at = line.indexOf(',', at + 1);
            if (at < 0) {
                return false;
            }
        }
        return line.contains("ROOT") || line.contains("SUB-EVENT");
    }

    private void all() throws IOException {
        String last = null;
        for (String line = lines.next(); line != null; line = lines.next()) {
            last = line;
            if (line.isEmpty()) {
                continue;
            }
            if (lines.cut()) {
                recorder.skip("a line of more than 1 MiB", lines.number());
            } else if (line.startsWith(FIRST)) {
                header = true;
                sources = line.contains("ONNX Source Ops");
            } else {
                row(line);
            }
        }
        if (!header) {
            recorder.said.add("the heading is missing: the columns were taken for the usual ones");
        }
        if (last != null
                && !lines.terminated()
                && recorder.skipped().stream().anyMatch(s -> s.first() == lines.number())) {
            recorder.said.add("the file ends in the middle of line " + lines.number() + ": it was cut");
        }
    }

    private void row(String line) {
        int at = -1;
        for (int i = 0; i < COLUMNS; i++) {
            at = line.indexOf(',', at + 1);
            if (at < 0) {
                notARow(line);
                return;
            }
            commas[i] = at;
        }
        double number = Quantity.number(cell(line, 1));
        Quantity quantity = isCell(line, 2, "CYCLES") ? CYCLES : Quantity.of(cell(line, 2));
        boolean root = isCell(line, 4, "ROOT");
        if (Double.isNaN(number) || !root && !isCell(line, 4, "SUB-EVENT")) {
            notARow(line);
            return;
        }
        if (quantity == null) {
            recorder.skip("a row in an unknown unit, '" + shortened(cell(line, 2)) + "'", lines.number());
            return;
        }
        String rest = line.substring(commas[5] + 1).strip();
        String from = "";
        int split = sources ? end(rest) : rest.length();
        if (split < rest.length()) {
            from = unquoted(rest.substring(split + 1));
            rest = rest.substring(0, split);
        }
        event(cell(line, 0), unquoted(rest), from, quantity.unit(), number * quantity.factor(), root);
    }

    private void event(String message, String identifier, String from, Unit unit, double value, boolean root) {
        if (root) {
            section = section(message, identifier);
        } else if (section == Section.EXECUTE && isNode(message, identifier, unit)) {
            if (identifier.startsWith("Wait (") || identifier.startsWith("Overlap")) {
                if (identifier.startsWith("Wait (Scheduler")) {
                    recorder.waited(value);
                }
                return;
            }
            recorder.node(identifier, unit, value, lines.number());
            if (!from.isEmpty()) {
                recorder.sources.putIfAbsent(recorder.numberOf(identifier), from);
            }
            return;
        }
        if (root && section == Section.EXECUTE && identifier.startsWith("Graph ")) {
            recorder.graph(identifier);
        }
        recorder.figure(section, identifier, unit, value, root, lines.number());
    }

    private static boolean isNode(String message, String identifier, Unit unit) {
        return unit == Unit.CYCLES || unit == Unit.MICROS && (message.equals("NODE") || identifier.contains(":OpId_"));
    }

    /// Where a root row belongs.
    private static Section section(String message, String identifier) {
        if (identifier.equals("Performance Estimates")) {
            return Section.ESTIMATES;
        }
        int open = identifier.indexOf('(');
        Section named = Section.named(message);
        if (named == null && open >= 0) {
            named = Section.named(identifier.substring(open));
        }
        return named == null ? Section.EXECUTE : named;
    }

    /// Where the identifier ends and the source nodes begin.
    private static int end(String rest) {
        if (rest.startsWith("\"")) {
            for (int i = 1; i < rest.length(); i++) {
                if (rest.charAt(i) == '"') {
                    if (i + 1 < rest.length() && rest.charAt(i + 1) == '"') {
                        i++;
                    } else {
                        return i + 1;
                    }
                }
            }
            return rest.length();
        }
        int cycles = rest.indexOf("(cycles),");
        if (cycles >= 0) {
            return cycles + "(cycles)".length();
        }
        int comma = rest.lastIndexOf(',');
        return comma < 0 ? rest.length() : comma;
    }

    private static String unquoted(String text) {
        String t = text.strip();
        return t.length() > 1 && t.startsWith("\"") && t.endsWith("\"")
                ? t.substring(1, t.length() - 1).replace("\"\"", "\"")
                : t;
    }

    private void notARow(String line) {
        if (!header) {
            return; // the preamble
        }
        @Nullable String other = ReadProfile.otherDialect(line);
        recorder.skip(other == null ? "a line that is no row" : "a line that is of " + other, lines.number());
    }

    private boolean isCell(String line, int number, String text) {
        int from = commas[number] + 1;
        int length = commas[number + 1] - from;
        return length == text.length()
                ? line.startsWith(text, from)
                : cell(line, number).equals(text);
    }

    private String cell(String line, int number) {
        int from = commas[number] + 1;
        int to = commas[number + 1];
        while (from < to && line.charAt(from) == ' ') {
            from++;
        }
        while (to > from && line.charAt(to - 1) == ' ') {
            to--;
        }
        return line.substring(from, to);
    }

    static String shortened(String text) {
        return text.length() <= 20 ? text : text.substring(0, 20) + "…";
    }
}
