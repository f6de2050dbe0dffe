package dev.nibble.report;

import java.util.List;

/// What the figures amount to, in plain English. A pure function of the document.
///
/// @param sentence for the first line of the output and the head of the page
/// @param notes what limits the sentence, a sentence each
public record Verdict(Level level, String sentence, List<String> notes) {
    public Verdict {
        notes = List.copyOf(notes);
    }

    /// From bad to good.
    public enum Level {
        /// Collapsed, or at chance level.
        BROKEN,
        /// A loss that matters.
        LOSS,
        /// A small loss that is not noise, or a figure that calls for a look.
        SMALL_LOSS,
        /// Nothing was measured that could tell.
        UNKNOWN,
        /// No measurable loss.
        KEPT
    }

    public static Verdict of(ResultDocument document) {
        throw new UnsupportedOperationException();
    }
}
