package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/// A failure in the house's form: `error: …`, then `hint: …`.
///
/// @param message what, and where
/// @param hint the next thing to do
record Failure(String message, String hint) {

    /// Of anything thrown.
    ///
    /// @param command the command that ran
    /// @param activity what it was doing, where that is known
    static Failure of(Throwable thrown, String command, @Nullable String activity) {
        String doing = "'" + command + "'" + (activity == null ? "" : " (" + activity + ")");
        return switch (thrown) {
            case NibbleException e -> new Failure(String.valueOf(e.getMessage()), e.hint());
            case UncheckedIOException e when e.getCause() != null -> of(e.getCause(), command, activity);
            case CompletionException e when e.getCause() != null -> of(e.getCause(), command, activity);
            case ExecutionException e when e.getCause() != null -> of(e.getCause(), command, activity);
            case NoSuchFileException e ->
                new Failure("no such file: '" + e.getFile() + "'", "check the path; relative ones start here");
            case AccessDeniedException e ->
                new Failure("permission denied: '" + e.getFile() + "'", "check who may read and write it");
            case FileSystemException e ->
                new Failure("'" + e.getFile() + "': " + reason(e.getReason(), e), "check the path and the disk");
            case IOException e -> new Failure(doing + ": " + reason(e.getMessage(), e), "check the files and the disk");
            case OutOfMemoryError _ ->
                new Failure(
                        doing + " ran out of memory (the limit is "
                                + Runtime.getRuntime().maxMemory() / (1 << 20) + " MB)",
                        "give --max-memory, or a higher limit: NIBBLE_JAVA_OPTIONS=-Xmx8g");
            case StackOverflowError _ ->
                new Failure(
                        doing + ": the input is nested too deeply",
                        "if the file is sound, run with NIBBLE_JAVA_OPTIONS=-Xss16m");
            case UnsatisfiedLinkError e ->
                new Failure(
                        doing + " cannot load a native library: " + e.getMessage(),
                        "Linux and macOS on x86-64 and ARM, and Windows on x86-64 are supported");
            default ->
                new Failure(
                        "unexpected " + thrown.getClass().getSimpleName() + " in " + doing + ": "
                                + reason(thrown.getMessage(), thrown),
                        "this is a defect of Nibble: run with --debug for the stack trace, and report it");
        };
    }

    /// Prints the two lines.
    void print(Terminal terminal) {
        PrintStream err = terminal.err();
        err.println((terminal.colorErr() ? "\u001b[1;31merror:\u001b[0m " : "error: ") + message);
        err.println((terminal.colorErr() ? "\u001b[1;36mhint:\u001b[0m " : "hint: ") + hint);
        err.flush();
    }

    private static String reason(@Nullable String message, Throwable thrown) {
        return message == null || message.isBlank() ? thrown.getClass().getSimpleName() : message;
    }
}
