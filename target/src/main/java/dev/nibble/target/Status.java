package dev.nibble.target;

/// Where a number comes from.
public enum Status {
    /// A vendor or a standard says so.
    PUBLISHED,
    /// Somebody measured it.
    MEASURED,
    /// Fitted to measurements.
    CALIBRATED,
    /// Taken from something similar, or from memory.
    ASSUMED
}
