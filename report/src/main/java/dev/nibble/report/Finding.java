package dev.nibble.report;

import com.fasterxml.jackson.annotation.JsonValue;
import org.jspecify.annotations.Nullable;

/// Something the user should know, with the way out.
///
/// @param code stable, e.g. `Q101`
/// @param text what and where, a sentence
/// @param fix what to do about it; absent where there is nothing to do
public record Finding(
        String code,
        Severity severity,
        String text,
        @Nullable String fix) {
    public Finding {
        Values.present("findings[].code", code);
        Values.present("findings[].severity", severity);
        Values.present("findings[].text", text);
    }

    /// Worst first; lower case in JSON.
    public enum Severity {
        ERROR,
        WARNING,
        NOTE;

        @JsonValue
        public String label() {
            return switch (this) {
                case ERROR -> "error";
                case WARNING -> "warning";
                case NOTE -> "note";
            };
        }
    }
}
