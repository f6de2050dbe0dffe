package dev.nibble.report;

import com.fasterxml.jackson.annotation.JsonValue;

/// Where a number comes from; lower case in JSON.
public enum Badge {
    /// By running the written file.
    MEASURED,
    /// Computed from a model, a histogram or a sample.
    ESTIMATED,
    /// Taken as given.
    ASSUMED;

    @JsonValue
    public String label() {
        return switch (this) {
            case MEASURED -> "measured";
            case ESTIMATED -> "estimated";
            case ASSUMED -> "assumed";
        };
    }
}
