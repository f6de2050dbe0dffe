package dev.nibble.npu.profile.read;

import dev.nibble.npu.profile.Section;
import dev.nibble.npu.profile.Unit;
import dev.nibble.npu.profile.Where;
import java.io.IOException;

/// What `snpe-diagview` prints: `0: Input OpId_2 (cycles) : 2142 cycles : DSP`, with or without the name, and
/// `name: value us` before it. `Subnet 0 (DSP) : 13545 cycles` is a sum of lines that are there.
final class ReadDiagview {
    private final Recorder recorder;
    private final Lines lines;

    private ReadDiagview(Recorder recorder, Lines lines) {
        this.recorder = recorder;
        this.lines = lines;
    }

    static void read(Lines lines, Recorder recorder) throws IOException {
        new ReadDiagview(recorder, lines).all();
    }

    /// Whether a line is a layer of this dialect.
    static boolean isLayer(String text) {
        int colon = text.indexOf(':');
        int last = text.lastIndexOf(" : ");
        return colon > 0
                && last > colon
                && colon <= 9
                && !Double.isNaN(Quantity.number(text.substring(0, colon)))
                && Where.of(text.substring(last + 3)) != Where.UNKNOWN;
    }

    private void all() throws IOException {
        for (String line = lines.next(); line != null; line = lines.next()) {
            String text = line.strip();
            if (text.isEmpty() || ReadText.isRule(text) || text.startsWith("Subnet ")) {
                continue;
            }
            if (isLayer(text)) {
                layer(text);
            } else {
                figure(text);
            }
        }
    }

    private void layer(String text) {
        int colon = text.indexOf(':');
        int last = text.lastIndexOf(" : ");
        String head = text.substring(colon + 1, last).strip();
        int before = head.lastIndexOf(" : ");
        String figure = before < 0 ? head : head.substring(before + 3).strip();
        String name = before < 0
                ? "layer " + text.substring(0, colon)
                : head.substring(0, before).strip();
        int space = figure.indexOf(' ');
        double number = Quantity.number(space < 0 ? figure : figure.substring(0, space));
        Quantity quantity =
                space < 0 ? null : Quantity.of(figure.substring(space + 1).strip());
        if (quantity == null
                || Double.isNaN(number)
                || quantity.unit() != Unit.MICROS && quantity.unit() != Unit.CYCLES) {
            recorder.skip("a layer without a figure", lines.number());
            return;
        }
        recorder.node(name, quantity.unit(), number * quantity.factor(), lines.number());
        recorder.places.putIfAbsent(recorder.numberOf(name), Where.of(text.substring(last + 3)));
    }

    private void figure(String text) {
        int colon = text.lastIndexOf(':');
        if (colon < 0 || colon == text.length() - 1) {
            if (!text.endsWith(":") && !text.contains("Version") && !text.contains("Statistics")) {
                recorder.skip("a line that is no figure", lines.number());
            }
            return;
        }
        String[] words = text.substring(colon + 1).strip().split(" ");
        Quantity quantity = words.length == 2 ? Quantity.of(words[1]) : null;
        double number = Quantity.number(words[0]);
        if (quantity == null || Double.isNaN(number)) {
            if (!text.contains("Version") && !text.startsWith("Log File")) {
                recorder.skip("a line that is no figure", lines.number());
            }
            return;
        }
        String name = text.substring(0, colon).strip();
        Section named = Section.named(name);
        Section section = named == null || name.contains("Time") ? Section.EXECUTE : named;
        recorder.figure(section, name, quantity.unit(), number * quantity.factor(), true, lines.number());
    }
}
