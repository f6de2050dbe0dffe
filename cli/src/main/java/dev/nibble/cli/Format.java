package dev.nibble.cli;

/// How a command prints its result (`--format`).
public enum Format {
    /// For a person.
    TABLE,
    /// For a program: one JSON document with `schemaVersion` on stdout.
    JSON
}
