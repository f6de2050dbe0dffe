package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.pipeline.Progress;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ConsoleProgressTest {
    private final AtomicLong nanos = new AtomicLong();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @Test
    void aLogGetsALineEveryTenSeconds() {
        work(false, false, 30);
        assertEquals("""
                calibrating: 11 of 30 (36 %), 17 s left
                calibrating: 21 of 30 (70 %), 9 s left
                """, printed());
    }

    @Test
    void shortWorkIsNotTold() {
        work(false, false, 9);
        work(true, false, 1);
        assertEquals("", printed());
    }

    @Test
    void quietIsQuiet() {
        work(true, true, 60);
        work(false, true, 60);
        assertEquals("", printed());
    }

    @Test
    void aPersonSeesABarAfterASecond() {
        work(true, false, 5);
        assertTrue(printed().contains("calibrating"), printed());
    }

    /// One step a second.
    private void work(boolean terminal, boolean quiet, int seconds) {
        ConsoleProgress progress = new ConsoleProgress(
                new Terminal(
                        new PrintStream(err, true, StandardCharsets.UTF_8),
                        new PrintStream(err, true, StandardCharsets.UTF_8),
                        terminal,
                        terminal,
                        Map.of("NO_COLOR", "1"),
                        Path.of("")),
                quiet,
                nanos::get);
        try (Progress.Stage stage = progress.begin("calibrating", seconds)) {
            for (int i = 0; i < seconds; i++) {
                stage.advance();
                nanos.addAndGet(1_000_000_000L);
            }
        }
    }

    private String printed() {
        return err.toString(StandardCharsets.UTF_8);
    }
}
