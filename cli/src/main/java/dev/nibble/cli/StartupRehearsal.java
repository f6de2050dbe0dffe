package dev.nibble.cli;

import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// Does once what the tool does at its start, so that the JVM can record which classes that takes: `./nibble` runs this
/// at the end of a build and keeps the AOT cache that comes out of it.
///
/// A command that has to start fast gets a line here.
final class StartupRehearsal {
    /// Without the Vector API.
    private static final List<String> LIGHT =
            List.of("--version", "--help", "config show", "config show --format json", "nonsense", "completion --help");

    /// With the Vector API.
    private static final List<String> COMPUTE = List.of("config show --format json", "completion --threads 0");

    private StartupRehearsal() {}

    /// @param arguments `light` or `compute`
    public static void main(String... arguments) {
        PrintStream nowhere = new PrintStream(OutputStream.nullOutputStream(), true, StandardCharsets.UTF_8);
        Terminal terminal = new Terminal(nowhere, nowhere, false, false, Map.of(), Path.of(""));
        for (String line : arguments[0].equals("compute") ? COMPUTE : LIGHT) {
            Nibble.run(terminal, line.split(" "));
        }
    }
}
