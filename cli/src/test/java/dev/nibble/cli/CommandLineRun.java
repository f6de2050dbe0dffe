package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/// One run of the command line in this process, with what it printed. A JSON document must be as the published schema
/// of its command says. Qualcomm's libraries are not there, whatever this machine has.
record CommandLineRun(int exitCode, String out, String err) {

    static CommandLineRun of(Path workingDirectory, String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Terminal terminal = terminal(workingDirectory, out, err);
        int exitCode = Nibble.run(terminal, arguments);
        if (exitCode != 2 && List.of(arguments).contains("json")) {
            assertEquals(List.of(), JsonSchemaTest.violations(arguments[0], out.toString(StandardCharsets.UTF_8)));
        }
        return new CommandLineRun(exitCode, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    static Terminal terminal(Path workingDirectory, ByteArrayOutputStream out, ByteArrayOutputStream err) {
        return new Terminal(
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                false,
                false,
                Map.of("NIBBLE_HTP", workingDirectory.resolve("no-htp").toString()),
                workingDirectory);
    }
}
