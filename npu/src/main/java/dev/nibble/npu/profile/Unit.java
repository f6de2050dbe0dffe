package dev.nibble.npu.profile;

/// What a figure of a profile counts.
public enum Unit {
    /// Microseconds.
    MICROS,
    /// Clock cycles of the accelerator. The clock is not in the file, so they never become a time.
    CYCLES,
    /// A plain number.
    COUNT,
    /// Bytes.
    BYTES,
    /// Inferences a second.
    PER_SECOND
}
