package dev.nibble.run;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LongCommandLineTest {
    @TempDir
    private Path folder;

    @Test
    void refusesWhatWouldCrashTheProcess() throws IOException {
        Path line = Files.write(folder.resolve("cmdline"), new byte[4096]);
        NibbleException refused = assertThrows(NibbleException.class, () -> OrtExecutor.refuseLongCommandLine(line));
        assertEquals(
                "this process's command line has 4096 bytes, and ONNX Runtime crashes from 4096 on",
                refused.getMessage());
    }

    @Test
    void acceptsAShorterOneAndASystemThatTellsNothing() throws IOException {
        Path line = Files.write(folder.resolve("cmdline"), new byte[4095]);
        assertDoesNotThrow(() -> OrtExecutor.refuseLongCommandLine(line));
        assertDoesNotThrow(() -> OrtExecutor.refuseLongCommandLine(folder.resolve("nothing")));
    }
}
