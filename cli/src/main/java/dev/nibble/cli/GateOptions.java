package dev.nibble.cli;

import dev.nibble.pipeline.Gates;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// `--min-sqnr` and `--min-cosine`, for the commands that measure: `@Mixin GateOptions gates`. The command that compares
/// a task metric has `--max-drop` beside them.
final class GateOptions {
    @Option(
            order = 141,
            names = "--min-sqnr",
            paramLabel = "DB",
            description = "Exit with 1 if the outputs' SQNR is below so many decibels.")
    private @Nullable Double minSqnr;

    @Option(
            order = 142,
            names = "--min-cosine",
            paramLabel = "C",
            description = "Exit with 1 if the outputs' cosine is below this.")
    private @Nullable Double minCosine;

    /// The gates. @param maxDrop in percentage points; null for none
    Gates gates(@Nullable Double maxDrop) {
        return new Gates(maxDrop, minSqnr, minCosine);
    }
}
