package dev.nibble.quant.place;

/// Something a user should know about the result.
///
/// @param code stable, such as `Q104`
/// @param fix the next thing to do; may be empty
public record Finding(String code, Severity severity, String text, String fix) {
    /// How much a finding matters.
    public enum Severity {
        INFO,
        WARNING,
        ERROR
    }
}
