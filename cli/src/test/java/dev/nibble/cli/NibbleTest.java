package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NibbleTest {
    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"config", "evaluate", "inspect"})
    void helpIsTheGoldenPage(String command) throws IOException {
        CommandLineRun run = run(command, "--help");
        assertEquals(golden(command + "-help.txt"), run.out());
        assertEquals(0, run.exitCode());
        assertEquals("", run.err());
    }

    @Test
    void helpCommandIsTheHelpOption() {
        assertEquals(run("config", "--help"), run("help", "config"));
        assertEquals(run("--help"), run("help"));
    }

    @Test
    void helpListsEveryCommand() {
        CommandLineRun run = run("--help");
        assertEquals(0, run.exitCode());
        for (String name : CommandRegistry.names()) {
            assertTrue(run.out().lines().anyMatch(line -> line.startsWith("  " + name + " ")), name);
        }
    }

    @Test
    void withoutACommandHelpGoesToStderr() {
        CommandLineRun run = run();
        assertEquals(2, run.exitCode());
        assertEquals("", run.out());
        assertTrue(run.err().startsWith("Usage: nibble"));
    }

    @Test
    void versionNamesNibbleJavaAndOnnxRuntime() {
        CommandLineRun run = run("--version");
        assertEquals(0, run.exitCode());
        assertTrue(
                run.out()
                        .matches(
                                "nibble \\d+\\.\\d+\\.\\d+\\S*( \\([0-9a-f]+\\))?\nJava 25.*\nONNX Runtime \\d[\\d.]+\n"),
                run.out());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "confg show | there is no command 'confg' | did you mean 'config'?",
                "frobnicate | there is no command 'frobnicate' | see 'nibble --help' for the commands",
                "completion --foce | 'nibble completion' has no option '--foce' | did you mean '--force'?",
                "completion --zzzzzzzzzz=1 | 'nibble completion' has no option '--zzzzzzzzzz'"
                        + " | see 'nibble completion --help'",
                "completion zsh more | 'nibble completion' does not know what to do with 'more'"
                        + " | see 'nibble completion --help'",
                "completion --threads 0 | --threads must be at least 1, but was 0 | see --help",
                "completion --format xml | invalid value for option '--format': expected one of table, json, but was 'xml'"
                        + " | see 'nibble completion --help'",
                "completion --max-memory 2q | invalid value for option '--max-memory': '2q' is not a size such as 800m"
                        + " or 2g | see 'nibble completion --help'",
                "config sow | there is no 'config sow' | run 'nibble config show'",
            })
    void wrongUseIsAnErrorAndAHint(String line, String error, String hint) {
        CommandLineRun run = run(line.split(" "));
        assertEquals("error: " + error + "\nhint: " + hint + "\n", run.err());
        assertEquals("", run.out());
        assertEquals(2, run.exitCode());
    }

    @ParameterizedTest
    @CsvSource({"--max_memory", "--max-memory"})
    void underscoresAreDashes(String option) {
        assertTrue(run("config", "show", "completion", option, "2g").out().contains("max-memory = 2g"));
        assertTrue(run("config", "show", "completion", option + "=2g").out().contains("max-memory = 2g"));
    }

    @Test
    void completionIsABashScriptThatNamesTheCommands() throws IOException, InterruptedException {
        String script = run("completion", "bash").out();
        for (String name : CommandRegistry.names()) {
            assertTrue(script.contains(name), name);
        }
        Path file = Files.writeString(directory.resolve("completion.sh"), script);
        assertEquals(
                0, new ProcessBuilder("bash", "-n", file.toString()).start().waitFor());
        assertTrue(run("completion", "zsh").out().contains("compinit"));
    }

    @Test
    void nothingIsColouredForAProgram() {
        assertFalse((run("--help").out() + run("nonsense").err()).contains("\u001b"));
    }

    private CommandLineRun run(String... arguments) {
        return CommandLineRun.of(directory, arguments);
    }

    private static String golden(String name) throws IOException {
        try (InputStream in = NibbleTest.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IOException("no golden file " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
