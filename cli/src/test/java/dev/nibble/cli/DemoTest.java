package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The first command that a newcomer runs.
@Tag("slow")
class DemoTest {
    /// A tenth of the words: more than 300 lines of noise can hide (two standard errors are under 6 points), less than
    /// any real defect costs.
    private static final double MOST_LOST = 0.10;

    @TempDir
    private Path directory;

    @Test
    void theDemoReadsTextBeforeAndAfter() throws IOException {
        CommandLineRun run = CommandLineRun.of(directory, "demo", "--quiet");
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.out().contains("word accuracy"), run.out());
        assertTrue(run.out().contains("nibble compare "), "it must print what to run next: " + run.out());
        Path folder = directory.resolve("nibble-demo");
        JsonNode report = JsonMapper.shared().readTree(Files.readString(folder.resolve("report.json")));
        JsonNode metric = report.get("metric");
        assertEquals("wordAccuracy", metric.get("name").asString());
        assertEquals(300, metric.get("n").asInt());
        assertTrue(metric.get("float").asDouble() > 0.4, "the float model must read: " + metric);
        assertTrue(metric.get("drop").asDouble() < MOST_LOST, "quantizing lost too much: " + metric);
        String page = Files.readString(folder.resolve("report.html"));
        assertTrue(page.contains("data:image/png;base64,"), "the page must show lines that were read");
    }

    @Test
    @Tag("gate")
    void floatCpuAndHtpStandSideBySideAndABinaryIsLeft() throws IOException {
        CommandLineRun run = CommandLineRun.onHtp(directory, "demo", "--on", "htp", "--quiet");
        assertEquals(0, run.exitCode(), run.err());
        List<String> table = run.out()
                .lines()
                .dropWhile(line -> !line.contains("on the HTP's emulator: the first 32 text lines"))
                .dropWhile(line -> !line.contains("metric"))
                .toList();
        assertTrue(table.getFirst().matches(".*reference +on the CPU +on the HTP .*"), run.out());
        assertTrue(table.get(1).matches(" +word accuracy( +\\d+\\.\\d\\d %){3} .*"), run.out());
        Path binary = directory.resolve("nibble-demo/htp");
        try (Stream<Path> files = Files.list(binary)) {
            assertTrue(files.anyMatch(file -> file.toString().endsWith(".bin")), run.out());
        }
        assertTrue(run.out().contains("sm8650"), run.out());
    }
}
