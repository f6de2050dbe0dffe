package dev.nibble.report.text;

import dev.nibble.report.GeneratedText;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What two language models wrote, one below the other.
final class GeneratedSection {
    /// Prompts unless all are asked for.
    private static final int SHOWN = 3;

    private GeneratedSection() {}

    /// @param reference how the reference is called
    /// @param model how the other is called
    static void write(Text out, @Nullable GeneratedText generated, String reference, String model, boolean all) {
        if (generated == null) {
            return;
        }
        out.heading("Generated " + (generated.decoded() ? "text" : "token ids"), "");
        out.bullet("=", generated.summary());
        List<GeneratedText.Sample> samples = generated.samples();
        List<GeneratedText.Sample> shown = all ? samples : samples.subList(0, Math.min(SHOWN, samples.size()));
        for (GeneratedText.Sample sample : shown) {
            out.bullet(">", line(sample.prompt()));
            if (sample.firstDifference() == null) {
                out.bullet("  both:", line(sample.reference()));
            } else {
                out.bullet("  " + reference + ":", line(sample.reference()));
                out.bullet("  " + model + ":", line(sample.text()));
            }
        }
    }

    /// `text` on one line.
    private static String line(String text) {
        return text.strip().replaceAll("\\s+", " ");
    }
}
