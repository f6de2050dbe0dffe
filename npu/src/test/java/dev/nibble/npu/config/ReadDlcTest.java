package dev.nibble.npu.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The names of a DLC's graphs, and what comes of files that are none.
class ReadDlcTest {
    @TempDir
    private Path folder;

    private List<String> names(byte[] file) throws IOException {
        return ReadDlc.graphNames(Files.write(folder.resolve("m.dlc"), file));
    }

    private String refused(byte[] file) throws IOException {
        NibbleException e = assertThrows(NibbleException.class, () -> names(file));
        assertTrue(e.hint().contains("--graph NAME"), e.hint());
        assertTrue(e.getMessage().contains("m.dlc"), e.getMessage());
        return e.getMessage();
    }

    @Test
    void theNamesAreTheGraphs() throws IOException {
        assertEquals(List.of("my_net"), names(DlcFile.of("my_net")));
        assertEquals(List.of("prefill", "decodé"), names(DlcFile.of("prefill", "decodé")));
    }

    @Test
    void anotherFileIsRefused() throws IOException {
        byte[] text = "not an archive".repeat(10).getBytes(StandardCharsets.UTF_8);
        assertTrue(refused(text).contains("no part 'model'"));
        assertTrue(refused(new byte[0]).contains("no part 'model'"));
        assertTrue(refused(DlcFile.archive("a", text, "b", text)).contains("no part 'model'"));
        assertTrue(refused(DlcFile.archive("a", text, "model", text)).contains("no part 'model'"));
        Path zip = folder.resolve("z.zip");
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(zip))) {
            out.putNextEntry(new ZipEntry("model"));
            out.write(DlcFile.model("packed"));
        }
        assertTrue(refused(Files.readAllBytes(zip)).contains("no part 'model'"));
    }

    @Test
    void aFileThatWasCutAnywhereIsRefused() throws IOException {
        byte[] whole = DlcFile.of("my_net");
        for (int length = 0; length < whole.length; length++) {
            refused(Arrays.copyOf(whole, length));
        }
    }

    /// Lengths and offsets that lead out of the file, backwards or to huge texts end in the same error.
    @Test
    void damagedBytesGiveANameOrTheError() throws IOException {
        byte[] whole = DlcFile.of("my_net");
        Random random = new Random(1);
        int refused = 0;
        for (int i = 0; i < 5000; i++) {
            byte[] damaged = whole.clone();
            for (int k = 0; k <= i % 4; k++) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
            }
            try {
                assertFalse(names(damaged).isEmpty());
            } catch (NibbleException e) {
                refused++;
            }
        }
        assertTrue(refused > 500, "only " + refused + " were refused: nothing was damaged");
    }
}
