package dev.nibble.graph;

import java.util.Objects;

/// What a user is told when something cannot be done: what, where (file, node, tensor), and the next thing to
/// try.
///
/// Every room throws this for bad input, and only the command line prints it: `error: …`, then `hint: …`.
public class NibbleException extends RuntimeException {
    private final String hint;

    /// @param message what went wrong and where, a sentence without a final full stop
    /// @param hint the next thing to do, a sentence without a final full stop
    public NibbleException(String message, String hint) {
        super(message);
        this.hint = hint;
    }

    /// @param cause the failure below this one, kept for `--debug`
    public NibbleException(String message, String hint, Throwable cause) {
        super(message, cause);
        this.hint = hint;
    }

    /// What went wrong and where.
    @Override
    public String getMessage() {
        return Objects.requireNonNullElse(super.getMessage(), "");
    }

    /// The next thing to do.
    public String hint() {
        return hint;
    }
}
