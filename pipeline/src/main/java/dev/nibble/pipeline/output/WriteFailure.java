package dev.nibble.pipeline.output;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Says in plain words why a file could not be written.
public final class WriteFailure {
    private WriteFailure() {}

    /// The error to show for `cause`, which was raised while `target` was being written.
    public static NibbleException explain(Path target, IOException cause) {
        String reason = reason(cause);
        String lower = reason.toLowerCase(Locale.ROOT);
        if (lower.contains("no space left") || lower.contains("not enough space") || lower.contains("quota")) {
            return new NibbleException(
                    "cannot write '" + target + "': the disk is full",
                    "free some space, or choose another --out",
                    cause);
        }
        if (cause instanceof AccessDeniedException || lower.contains("permission denied")) {
            return new NibbleException(
                    "cannot write '" + target + "': permission denied", "choose an --out that you may write to", cause);
        }
        if (lower.contains("read-only")) {
            return new NibbleException(
                    "cannot write '" + target + "': the file system is read-only", "choose another --out", cause);
        }
        return new NibbleException("cannot write '" + target + "': " + reason, "choose another --out", cause);
    }

    private static String reason(IOException cause) {
        @Nullable String reason = cause instanceof FileSystemException file ? file.getReason() : cause.getMessage();
        return reason == null || reason.isBlank() ? cause.getClass().getSimpleName() : reason;
    }
}
