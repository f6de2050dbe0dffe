package dev.nibble.cli;

import java.nio.file.Path;
import picocli.CommandLine.Option;

/// `--out`, for the commands that write: `@Mixin OutOption out`.
public final class OutOption {
    @Option(
            names = "--out",
            paramLabel = "PATH",
            required = true,
            description = "Where to write the result. It appears whole at the end, or not at all.")
    private Path out;

    /// The file or folder to write.
    public Path path() {
        return out;
    }
}
