package dev.nibble.data;

import dev.nibble.graph.NibbleException;

/// Something a user should know about their data.
///
/// @param code stable, `D` and three digits
/// @param text what was seen, with the numbers; a sentence without a final full stop
/// @param fix the next thing to do; a sentence without a final full stop
public record Finding(String code, Severity severity, String text, String fix) {
    /// How much it matters, least first.
    public enum Severity {
        /// Worth a look; often right as it is.
        HINT,
        /// The result is likely to suffer.
        WARNING,
        /// The data cannot be used.
        ERROR
    }

    /// This finding as the failure it stands for.
    public NibbleException toException() {
        return new NibbleException(text, fix);
    }
}
