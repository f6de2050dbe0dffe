package dev.nibble.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Texts, and token ids with lengths.
class TextTest {
    private static final InputSpec IDS = new InputSpec("input_ids", DataType.INT64, new long[] {-1, -1});
    private static final InputSpec MASK = new InputSpec("attention_mask", DataType.INT64, new long[] {-1, -1});
    private static final InputSpec TYPES = new InputSpec("token_type_ids", DataType.INT64, new long[] {-1, -1});

    @TempDir
    private Path folder;

    private DataOptions options = DataOptions.NONE;

    /// Words are tokens: `[PAD]` 9, unknown 0, `a` 1, `b` 2, `c` 3.
    @BeforeEach
    void tokenizer() throws IOException {
        Path file = folder.resolve("tokenizer.json");
        Files.writeString(file, """
                {"version": "1.0", "truncation": null, "padding": {"strategy": "BatchLongest", "direction": "Right",
                 "pad_to_multiple_of": null, "pad_id": 9, "pad_type_id": 0, "pad_token": "[PAD]"},
                 "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "Whitespace"},
                 "post_processor": null, "decoder": null, "model": {"type": "WordLevel",
                 "vocab": {"unk": 0, "a": 1, "b": 2, "c": 3, "[PAD]": 9}, "unk_token": "unk"}}
                """);
        options = DataOptions.NONE.withText(new TextOptions(file, null, null, null, null));
    }

    private DataSet open(String name, String text, DataOptions with, InputSpec... inputs) throws IOException {
        return DataSet.open(Files.writeString(folder.resolve(name), text), with, List.of(inputs));
    }

    private static long[] longs(DataSet data, long sample, String input) {
        Tensor tensor = data.sample(sample).get(input);
        if (tensor == null) {
            throw new AssertionError(input);
        }
        long[] values = new long[(int) tensor.elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = tensor.longAt(i);
        }
        return values;
    }

    @Test
    void linesAreAsLongAsTheyAre() throws IOException {
        try (DataSet data = open("x.txt", "a b c\n\nb zebra\n", options, IDS, MASK, TYPES)) {
            assertEquals(2, data.size());
            assertArrayEquals(new long[] {1, 2, 3}, longs(data, 0, "input_ids"));
            assertArrayEquals(new long[] {2, 0}, longs(data, 1, "input_ids"));
            assertArrayEquals(new long[] {1, 1}, longs(data, 1, "attention_mask"));
            assertArrayEquals(new long[] {0, 0}, longs(data, 1, "token_type_ids"));
            assertEquals(2, data.tokens(1).orElseThrow());
            assertFalse(data.labelled());
            assertTrue(data.findings().stream().anyMatch(f -> f.code().equals("D014")), "blank lines are said");
        }
    }

    @Test
    void anIdThatTheModelDoesNotKnowIsNamedWithItsText() throws IOException {
        InputSpec small = new InputSpec("input_ids", DataType.INT64, new long[] {-1, -1}, 3);
        try (DataSet data = open("x.txt", "a b\nb c a\n", options, small)) {
            NibbleException refused = assertThrows(NibbleException.class, () -> longs(data, 1, "input_ids"));
            assertEquals(
                    "'text 1': input 'input_ids' gets 3 at place 1, but the model's table has 3 rows, 0 to 2",
                    refused.getMessage());
        }
    }

    @Test
    void aModelOfFixedLengthGetsPaddingAndCutTexts() throws IOException {
        InputSpec ids = new InputSpec("input_ids", DataType.INT64, new long[] {1, 2});
        InputSpec mask = new InputSpec("attention_mask", DataType.INT64, new long[] {1, 2});
        try (DataSet data = open("x.txt", "a b c\nb\n", options, ids, mask)) {
            assertArrayEquals(new long[] {1, 2}, longs(data, 0, "input_ids"));
            assertArrayEquals(new long[] {2, 9}, longs(data, 1, "input_ids"));
            assertArrayEquals(new long[] {1, 0}, longs(data, 1, "attention_mask"));
        }
    }

    @Test
    void pairsComeOneAfterTheOtherWithTheirScore() throws IOException {
        try (DataSet data = open("x.csv", "a b,c,2.5\n\"b, c\",a,0\n", options, IDS)) {
            assertEquals(4, data.size());
            assertTrue(data.paired());
            assertArrayEquals(new long[] {3}, longs(data, 1, "input_ids"));
            assertEquals("0", data.label(2).orElseThrow().text());
            assertEquals("text 2 of row 1", data.name(3));
        }
        try (DataSet data = open("x.csv", "a b,c,2.5\nb,a,0\n", options.withChoice(1L, null, 2L), IDS)) {
            assertFalse(data.paired(), "an odd start tears pairs apart");
        }
    }

    @Test
    void headersAndObjectsNameTheirColumns() throws IOException {
        for (Map.Entry<String, String> file : Map.of(
                        "t.csv", "id,text,label\n7,a b,1\n8,c,0\n",
                        "t.jsonl", "{\"text\": \"a b\", \"label\": 1}\n{\"text\": \"c\", \"label\": 0}\n")
                .entrySet()) {
            try (DataSet data = open(file.getKey(), file.getValue(), options, IDS)) {
                assertEquals(2, data.size(), file.getKey());
                assertArrayEquals(new long[] {1, 2}, longs(data, 0, "input_ids"));
                assertEquals(1, data.label(0).orElseThrow().classIndex());
                assertFalse(data.paired());
            }
        }
    }

    @Test
    void idsAreCutAtTheirLengths() throws IOException {
        Path ids = Files.write(folder.resolve("ids.npy"), Npy.bytes(new long[] {2, 3}, 5, 6, 7, 8, 0, 0));
        Path lengths = Files.write(folder.resolve("lengths.npy"), Npy.bytes(new long[] {2}, 3, 1));
        DataOptions ragged = DataOptions.NONE.withText(new TextOptions(null, null, null, lengths, null));
        try (DataSet data = DataSet.open(ids, ragged, List.of(IDS))) {
            assertArrayEquals(new long[] {5, 6, 7}, longs(data, 0, "input_ids"));
            assertArrayEquals(new long[] {8}, longs(data, 1, "input_ids"));
        }
        DataOptions padded = DataOptions.NONE.withText(new TextOptions(null, null, true, lengths, null));
        try (DataSet data = DataSet.open(ids, padded, List.of(IDS, MASK))) {
            assertArrayEquals(new long[] {8, 0, 0}, longs(data, 1, "input_ids"));
            assertArrayEquals(new long[] {1, 0, 0}, longs(data, 1, "attention_mask"));
        }
        Path wrong = Files.write(folder.resolve("wrong.npy"), Npy.bytes(new long[] {2}, 3, 4));
        DataOptions tooLong = DataOptions.NONE.withText(new TextOptions(null, null, null, wrong, null));
        assertThrows(
                NibbleException.class,
                () -> DataSet.open(ids, tooLong, List.of(IDS)).close());
    }

    @Test
    void whatIsWrongIsSaid() throws IOException {
        InputSpec picture = new InputSpec("pixels", DataType.FLOAT, new long[] {1, 3, 8, 8});
        Path broken = Files.writeString(folder.resolve("broken.json"), "{\"model\": 3}");
        DataOptions unusable = DataOptions.NONE.withText(new TextOptions(broken, null, null, null, null));
        assertRefused("x.csv", "a,1\n", DataOptions.NONE, "--tokenizer", IDS);
        assertRefused("x.txt", "\n\n", options, "text a line", IDS);
        assertRefused("x.csv", "a,1\n\" \",2\n", options, "leave that row out", IDS);
        assertRefused("x.csv", "1,2\n3,4\n", options, "columns", IDS);
        assertRefused("x.jsonl", "{\"text\": \"a\"}\n[1]\n", options, "lines such as", IDS);
        assertRefused("x.jsonl", "{\"text\": \"a\"}\n{\"other\": 1}\n", options, "keys of the first", IDS);
        assertRefused("x.txt", "a\n", unusable, "tokenizer.json", IDS);
        assertRefused("x.txt", "a\n", options, ".npz", IDS, picture);
        TextOptions pads = new TextOptions(options.text().tokenizer(), null, true, null, null);
        assertRefused("x.txt", "a\n", options.withText(pads), "--max-length", IDS);
    }

    private void assertRefused(String name, String text, DataOptions with, String hint, InputSpec... inputs) {
        NibbleException e = assertThrows(
                NibbleException.class, () -> open(name, text, with, inputs).close());
        assertTrue(e.hint().contains(hint), e.getMessage() + " / " + e.hint());
    }

    /// Damaged tables end in a defined way: samples, or an error with a hint.
    @Test
    void damagedTablesAreRefusedOrRead() throws IOException {
        Random random = new Random(20_261_123);
        String[] seeds = {
            "a b,c,2.5\n\"b, c\",a,0\n", "{\"text\": \"a b\", \"label\": 1}\n{\"text\": \"c\", \"label\": 0}\n"
        };
        String[] names = {"f.csv", "f.jsonl"};
        int read = 0;
        for (int i = 0; i < 2000; i++) {
            byte[] bytes = seeds[i % 2].getBytes(java.nio.charset.StandardCharsets.UTF_8);
            for (int change = 0; change <= i % 3; change++) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            }
            Path file = Files.write(folder.resolve(names[i % 2]), bytes);
            try {
                TextTable table = TextTable.read(file, null);
                assertFalse(table.rows().isEmpty());
                read++;
            } catch (NibbleException e) {
                assertFalse(e.hint().isEmpty(), String.valueOf(e.getMessage()));
            }
        }
        assertTrue(read > 100 && read < 1900, "both must happen: " + read);
    }
}
