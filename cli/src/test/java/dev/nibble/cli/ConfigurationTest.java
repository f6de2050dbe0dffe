package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigurationTest {
    @TempDir
    private Path directory;

    @Test
    void theFileIsFoundUpwardsAndAFlagBeatsIt() throws IOException {
        toml("threads = 3\nseed = 5\n[completion]\nseed = 7\n");
        Path below = Files.createDirectories(directory.resolve("a/b"));
        String shown = CommandLineRun.of(below, "config", "show", "completion", "--threads", "2")
                .out();
        assertEquals("2 # command line", line(shown, "threads"));
        assertEquals("7 # " + directory.resolve("nibble.toml"), line(shown, "seed"));
        assertEquals("table # default", line(shown, "format"));
        assertEquals("(not set) # default", line(shown, "max-memory"));
    }

    @Test
    void theFileIsUsedByTheCommand() throws IOException {
        toml("format = \"json\"\n");
        String shown =
                CommandLineRun.of(directory, "config", "show", "completion").out();
        assertTrue(shown.startsWith("{\n  \"schemaVersion\" : 1,\n  \"file\" : "), shown);
        assertTrue(CommandLineRun.of(directory, "config", "--format=table", "show")
                .out()
                .contains("[completion]"));
    }

    @Test
    void aListStandsForRepeatedFlags() throws IOException {
        toml("shape = [\"image=1,3,224,224\", \"mask=1,1\"]\ntarget = [\"sm8550\", \"sm8650\"]\n");
        CommandLineRun run = CommandLineRun.of(directory, "config", "show", "completion");
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.out().contains("shape      = image=1,3,224,224,mask=1,1"), run.out());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "thread = 3 | unknown key 'thread' at the top | did you mean 'threads'?",
                "[completion]\\nsed = 3 | unknown key 'sed' in [completion] | did you mean 'seed'?",
                "[completoin]\\nseed = 3 | there is no command 'completoin' for the table [completoin]"
                        + " | did you mean 'completion'?",
                "seed = {a = 1} | there is no command 'seed' for the table [seed] | tables are named after commands",
                "max_memory = '1g'\\nmax-memory = '2g' | 'max-memory' is set twice | remove one of the two",
            })
    void whatIsUnknownIsAnErrorWithASuggestion(String text, String error, String hint) throws IOException {
        toml(text.replace("\\n", "\n"));
        CommandLineRun run = CommandLineRun.of(directory, "completion");
        assertEquals(
                "error: '" + directory.resolve("nibble.toml") + "': " + error + "\nhint: " + hint + "\n", run.err());
        assertEquals(2, run.exitCode());
    }

    @Test
    void brokenTomlNamesTheLine() throws IOException {
        toml("seed = 1\nthreads = = 2\n");
        CommandLineRun run = CommandLineRun.of(directory, "completion");
        assertTrue(run.err().startsWith("error: '" + directory.resolve("nibble.toml") + "', line 2: "), run.err());
        assertEquals(2, run.exitCode());
    }

    @Test
    void aWrongValueInTheFileIsBlamedOnTheFile() throws IOException {
        toml("threads = \"many\"\n");
        CommandLineRun run = CommandLineRun.of(directory, "completion");
        assertEquals(
                "error: invalid value for option '--threads': 'many' is not an int\nhint: '"
                        + directory.resolve("nibble.toml") + "' sets 'threads'; see 'nibble completion --help'\n",
                run.err());
    }

    private void toml(String text) throws IOException {
        Files.writeString(directory.resolve("nibble.toml"), text);
    }

    private static String line(String shown, String key) {
        return shown.lines()
                .filter(line -> line.startsWith(key + " "))
                .map(line -> line.substring(line.indexOf('=') + 1).strip().replaceAll(" +", " "))
                .findFirst()
                .orElse("");
    }
}
