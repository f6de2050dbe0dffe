package dev.nibble.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import dev.nibble.report.TuneDocument.CodeGain;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Rows of `tools/bench.sh tune`: kept by graph, and what the page says of them.
final class TuneTableTest {
    @TempDir
    private Path folder;

    private static TuneRow row(CodeGain... codes) {
        return new TuneRow("", "fp16", 100, List.of(codes), 1, "test");
    }

    @Test
    void aRowComesBackAsItWasKept() {
        TuneRow row =
                row(new CodeGain("N301", 12.5, 10.0, true, null), new CodeGain("N302", 3, null, false, "no memory"));
        row.write(folder.resolve("row"));

        assertEquals(row, TuneRow.read(folder.resolve("row")));
    }

    @Test
    void theRowOfAGraphThatFailedSaysWhy() {
        TuneRow row = TuneRow.failed("no memory\nsecond line", 2, "test");
        row.write(folder.resolve("row"));

        assertEquals(row, TuneRow.read(folder.resolve("row")));
        assertEquals("no memory", row.failure());
        assertFalse(row.confirmed());
    }

    @Test
    void disagreementsAndFamiliesWithoutAGainAreNamed() {
        String page = TuneTable.text(new TreeMap<>(Map.of(
                "resnet18", row(new CodeGain("N301", 12.5, 10.0, true, null)),
                "resnet50",
                        row(
                                new CodeGain("N302", 3, -40.0, false, null),
                                new CodeGain("N304", 3, null, false, "too large")),
                "vit", TuneRow.failed("no memory", 1, "test"))));

        for (String part : List.of(
                "1 of 2 kinds of change have the same sign",
                "they disagree on N302 of resnet50; the compiler does not make N304 of resnet50.",
                "| **not compiled**: too large |",
                "1 of 2 families; not vit",
                "Within 30 % of the compiler's gain: 1 of 2",
                "| resnet | resnet50 | N302 | fp16 | 100 | 3.0 | -40.0 | **disagree** |",
                "| vit | vit | – | – | – | – | – | no memory |")) {
            assertTrue(page.contains(part), () -> "no '" + part + "' in\n" + page);
        }
    }

    @Test
    void aRowBelongsToTheBytesOfItsGraph() throws IOException {
        Path graphs = Files.createDirectories(folder.resolve("npu/topologies"));
        Files.writeString(graphs.resolve("a.onnx"), "one");
        KeptRows kept = new KeptRows(folder, folder.resolve("rows"));
        Path first = kept.row("a");
        Files.writeString(graphs.resolve("a.onnx"), "two");

        assertEquals(List.of("a"), kept.graphs(List.of()));
        assertNotEquals(first, kept.row("a"));
        NibbleException none = assertThrows(NibbleException.class, () -> kept.graphs(List.of("b")));
        assertTrue(none.getMessage().contains("there is no graph 'b'"));
    }
}
