package dev.nibble.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;

/// The world outside: where to print, whether a person is watching, the environment, the working directory.
///
/// @param out data: what a command is asked for
/// @param err errors, warnings and progress
/// @param outIsTerminal whether a person reads `out`, rather than a file or a program
/// @param errIsTerminal whether a person reads `err`
/// @param environment the environment variables
/// @param workingDirectory where relative paths start
public record Terminal(
        PrintStream out,
        PrintStream err,
        boolean outIsTerminal,
        boolean errIsTerminal,
        Map<String, String> environment,
        Path workingDirectory) {

    public Terminal {
        environment = Map.copyOf(environment);
        workingDirectory = workingDirectory.toAbsolutePath().normalize();
    }

    /// The process's own. Java cannot ask whether stderr is a terminal, so `./nibble` tells it by
    /// `-Dnibble.terminal=out,err`; without that, both are taken for what the console is.
    static Terminal ofProcess() {
        String told = System.getProperty("nibble.terminal");
        boolean console = told == null && System.console() instanceof java.io.Console device && device.isTerminal();
        return new Terminal(
                stream(FileDescriptor.out),
                stream(FileDescriptor.err),
                told == null ? console : told.contains("out"),
                told == null ? console : told.contains("err"),
                System.getenv(),
                Path.of(""));
    }

    /// A path given on the command line: relative ones start at [#workingDirectory]. Where that is the process's own, the
    /// path stays as it was given, so that messages repeat the user's words.
    public Path resolve(Path given) {
        return workingDirectory.equals(Path.of("").toAbsolutePath().normalize())
                ? given
                : workingDirectory.resolve(given);
    }

    /// Whether to print colours on `out`: a person is watching and did not say `NO_COLOR`.
    public boolean colorOut() {
        return outIsTerminal && colorWanted();
    }

    /// Whether to print colours on `err`.
    public boolean colorErr() {
        return errIsTerminal && colorWanted();
    }

    private boolean colorWanted() {
        return environment.getOrDefault("NO_COLOR", "").isEmpty()
                && !environment.getOrDefault("TERM", "").equals("dumb");
    }

    private static PrintStream stream(FileDescriptor descriptor) {
        return new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8);
    }
}
