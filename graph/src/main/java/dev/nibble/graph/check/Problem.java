package dev.nibble.graph.check;

import dev.nibble.graph.NibbleException;

/// Something a check found.
///
/// @param where the node, tensor or value it is about
/// @param text what is wrong, a sentence without a final full stop
/// @param hint the next thing to do
public record Problem(Severity severity, String where, String text, String hint) {
    /// How bad a problem is.
    public enum Severity {
        /// The model cannot be used.
        ERROR,
        /// The model can be used, but something in it is doubtful or was put right.
        WARNING,
        /// Something the user may want to know.
        NOTE
    }

    static Problem error(String where, String text, String hint) {
        return new Problem(Severity.ERROR, where, text, hint);
    }

    static Problem warning(String where, String text, String hint) {
        return new Problem(Severity.WARNING, where, text, hint);
    }

    static Problem note(String where, String text, String hint) {
        return new Problem(Severity.NOTE, where, text, hint);
    }

    public boolean isError() {
        return severity == Severity.ERROR;
    }

    /// This problem as what stops the work.
    public NibbleException toException() {
        return new NibbleException(where + ": " + text, hint);
    }

    /// `node 'a' (Add): reads 'x', which nobody makes`.
    @Override
    public String toString() {
        return where + ": " + text;
    }
}
