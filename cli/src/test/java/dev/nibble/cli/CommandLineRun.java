package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nibble.htp.HtpLibraries;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/// One run of the command line in this process, with what it printed. A JSON document must be as the published schema
/// of its command says.
record CommandLineRun(int exitCode, String out, String err) {
    /// Qualcomm's libraries are not there, whatever this machine has.
    static CommandLineRun of(Path workingDirectory, String... arguments) {
        return of(workingDirectory, workingDirectory.resolve("no-htp"), arguments);
    }

    /// With Qualcomm's libraries; where this machine has none, the test is skipped and says so.
    static CommandLineRun onHtp(Path workingDirectory, String... arguments) {
        return of(workingDirectory, libraries().root(), arguments);
    }

    /// This machine's libraries of Qualcomm's; where it has none, the test is skipped and says so.
    static HtpLibraries libraries() {
        HtpLibraries libraries = HtpLibraries.of(System.getenv());
        Assumptions.assumeTrue(
                libraries.found(),
                "Qualcomm's libraries are not in " + libraries.root() + ": nibble htp install --accept-license");
        return libraries;
    }

    /// @param htp where Qualcomm's libraries are looked for
    static CommandLineRun of(Path workingDirectory, Path htp, String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int exitCode = Nibble.run(terminal(workingDirectory, htp, out, err), arguments);
        if (exitCode != 2 && List.of(arguments).contains("json")) {
            assertEquals(List.of(), JsonSchemaTest.violations(arguments[0], out.toString(StandardCharsets.UTF_8)));
        }
        return new CommandLineRun(exitCode, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    /// The document that was printed.
    JsonNode json() {
        return new ObjectMapper().readTree(out);
    }

    static Terminal terminal(Path workingDirectory, ByteArrayOutputStream out, ByteArrayOutputStream err) {
        return terminal(workingDirectory, workingDirectory.resolve("no-htp"), out, err);
    }

    private static Terminal terminal(
            Path workingDirectory, Path htp, ByteArrayOutputStream out, ByteArrayOutputStream err) {
        return new Terminal(
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                false,
                false,
                Map.of("NIBBLE_HTP", htp.toString()),
                workingDirectory);
    }
}
