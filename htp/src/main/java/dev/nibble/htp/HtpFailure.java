package dev.nibble.htp;

import dev.nibble.graph.NibbleException;
import java.util.List;

/// What went wrong in a child process, in the user's words.
final class HtpFailure {
    /// A process that a signal ended has the exit code 128 and the signal's number.
    static final int SIGNALLED = 128;

    private HtpFailure() {}

    /// The libraries refused.
    static NibbleException refused(String model, String stage, String message, ChildLog log, Throwable cause) {
        String first = firstLine(message);
        List<String> errors = log.errors();
        String all = message + "\n" + String.join("\n", errors);
        if (all.contains("GLIBC_")) {
            return of(
                    model,
                    stage,
                    "Qualcomm's libraries need a newer C library",
                    "use Linux with glibc 2.35 or newer",
                    cause);
        }
        if (all.contains("wrong ELF class") || all.contains("invalid ELF header") || all.contains("file too short")) {
            return of(
                    model,
                    stage,
                    "Qualcomm's libraries are damaged or for another processor: " + first,
                    "nibble htp install --accept-license --force gets them anew",
                    cause);
        }
        if (all.contains("No space left on device")) {
            return of(model, stage, "the disk is full", "make room in the temporary folder and at --out", cause);
        }
        if (all.contains("Failed to write context cache file")) {
            return of(
                    model,
                    stage,
                    "its binary cannot be written: the disk is full, or --out may not be written",
                    "make room there, or choose another --out",
                    cause);
        }
        String backend = backend(errors);
        if (!backend.isEmpty()) {
            return of(
                    model,
                    stage,
                    "Qualcomm's compiler did not start: " + backend,
                    "nibble htp status shows what is installed",
                    cause);
        }
        if (all.contains("explicitly disabled by the user")) {
            return of(
                    model,
                    stage,
                    "the HTP does not take the whole model, and nothing of it runs on the CPU unnoticed",
                    "nibble placement names the operators that it does not take, and why",
                    cause);
        }
        return of(
                model,
                stage,
                first + (errors.isEmpty() ? "" : " (" + errors.getLast() + ")"),
                "nibble placement names the operators that the HTP does not take",
                cause);
    }

    /// The line that says that the compiler itself did not load; empty where none does.
    static String backend(List<String> errors) {
        return errors.stream()
                .filter(line -> line.contains("Unable to load backend")
                        || line.contains("Failed to load backend")
                        || line.contains("SetupBackend")
                        || line.contains("INVALID_CONFIG"))
                .findFirst()
                .orElse("");
    }

    private static NibbleException of(String model, String stage, String what, String hint, Throwable cause) {
        return new NibbleException("model '%s': %s for the HTP failed: %s".formatted(model, stage, what), hint, cause);
    }

    /// The process is gone.
    static NibbleException ended(String model, String stage, String end, ChildLog log, Throwable cause) {
        String last = log.lastWords();
        return new NibbleException(
                "model '%s': the HTP's process %s while %s%s"
                        .formatted(model, end, stage, last.isEmpty() ? "" : ": " + last),
                "Qualcomm's library crashed or was killed, perhaps for want of memory; nibble placement shows what it takes",
                cause);
    }

    private static String firstLine(String text) {
        return text.replaceFirst("^Error code - [A-Z_]+ - message: ", "")
                .strip()
                .lines()
                .findFirst()
                .orElse("no reason given");
    }
}
