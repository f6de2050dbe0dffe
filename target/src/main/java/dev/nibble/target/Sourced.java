package dev.nibble.target;

/// A number, or another fact, with its source.
///
/// @param source a sentence's worth: document, measurement, or reason
public record Sourced<T>(T value, Status status, String source) {
    public Sourced {
        if (source.isBlank()) {
            throw new IllegalArgumentException("a source must be given for " + value);
        }
    }
}
