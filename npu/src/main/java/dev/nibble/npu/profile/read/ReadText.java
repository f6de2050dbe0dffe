package dev.nibble.npu.profile.read;

import dev.nibble.npu.profile.Section;
import dev.nibble.npu.profile.Unit;
import java.io.IOException;

/// What `qnn-profile-viewer` prints, at levels basic, detailed and linting: headings (`Execute Stats (Average):`) and
/// lines `name: value unit`. Blanks, rules and indentation mean nothing.
final class ReadText {
    private static final String BACKEND = "Backend (";

    private final Recorder recorder;
    private final Lines lines;
    private Section section = Section.EXECUTE;
    private boolean counted = true;
    private boolean overall;

    private ReadText(Recorder recorder, Lines lines) {
        this.recorder = recorder;
        this.lines = lines;
    }

    static void read(Lines lines, Recorder recorder) throws IOException {
        new ReadText(recorder, lines).all();
    }

    private void all() throws IOException {
        for (String line = lines.next(); line != null; line = lines.next()) {
            String text = line.strip();
            if (text.isEmpty() || isRule(text)) {
                continue;
            }
            int stats = text.indexOf(" Stats");
            if (stats > 0 && text.endsWith(":")) {
                heading(text, stats);
            } else {
                line(text);
            }
        }
        if (!lines.terminated()) {
            recorder.said.add("the last line has no end: the file may have been cut");
        }
    }

    private void heading(String text, int stats) {
        Section named = Section.named(text.substring(0, stats));
        if (named == null) {
            recorder.skip("a section that is not known: '" + ReadCsv.shortened(text) + "'", lines.number());
            counted = false;
            return;
        }
        section = named;
        boolean extremes = text.contains("(Min)") || text.contains("(Max)");
        overall = text.contains("(Overall)");
        counted = !extremes;
        if (extremes) {
            recorder.said.add("the sections of minima and maxima were not needed");
        }
        if (section == Section.EXECUTE && text.contains("(Average)")) {
            recorder.said.add("the file holds averages, and not over how many runs");
        }
    }

    private void line(String text) {
        if (!counted) {
            return;
        }
        if (text.startsWith("Graph ") && text.endsWith(":")) {
            if (section == Section.EXECUTE) {
                recorder.graph(text.substring(0, text.length() - 1));
            }
            return;
        }
        if (text.startsWith("Resources:")) {
            recorder.resources(text.substring("Resources:".length()).strip());
            return;
        }
        int colon = text.lastIndexOf(": ");
        int space = text.lastIndexOf(' ');
        if (colon > 0 && space > colon + 1) {
            double number = Quantity.number(text.substring(colon + 2, space).strip());
            Quantity quantity = Quantity.of(text.substring(space + 1));
            if (!Double.isNaN(number) && quantity != null) {
                value(text.substring(0, colon).strip(), quantity.unit(), number * quantity.factor());
                return;
            }
        }
        other(text);
    }

    private void value(String name, Unit unit, double value) {
        if (name.startsWith("Wait (Scheduler")) {
            recorder.waited(value);
        } else if (name.startsWith("Wait (") || name.startsWith("Overlap")) {
            return; // the overlap of neighbours, which no share needs
        } else if (overall && unit != Unit.PER_SECOND) {
            recorder.skip("a sum over all runs, of which the mean is there", lines.number());
        } else if (name.startsWith(BACKEND) && name.endsWith(")")) {
            recorder.figure(
                    section, name.substring(BACKEND.length(), name.length() - 1), unit, value, true, lines.number());
        } else if (section == Section.EXECUTE && isNode(name, unit)) {
            recorder.node(name, unit, value, lines.number());
        } else if (overall) {
            recorder.said.add("%s: %s inf/sec".formatted(name, value));
        } else {
            recorder.figure(section, name, unit, value, true, lines.number());
        }
    }

    private static boolean isNode(String name, Unit unit) {
        return name.contains("OpId_") || unit == Unit.CYCLES && !name.startsWith("Accelerator");
    }

    private void other(String text) {
        boolean known = text.startsWith("Total Inference Time")
                || text.startsWith("Log File")
                || text.startsWith("Time Scale")
                || text.startsWith("Epoch")
                || text.startsWith("Input Log")
                || text.contains("Version")
                || text.startsWith("Generated");
        if (!known) {
            String dialect = ReadProfile.otherDialect(text);
            recorder.skip(
                    dialect == null || dialect.equals("qnn-profile-viewer text")
                            ? "a line that is no figure"
                            : "a line that is of " + dialect,
                    lines.number());
        }
    }

    static boolean isRule(String text) {
        for (int i = 0; i < text.length(); i++) {
            if ("-=*_".indexOf(text.charAt(i)) < 0) {
                return false;
            }
        }
        return true;
    }
}
