package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What the commands say to texts that do not fit the model: the error's line word for word, a hint, nothing left behind.
class TextBadInputTest {
    private static final String[] TEXTS = {"m.onnx", "--data", "x.csv", "--tokenizer", "t.json"};
    private static final String[] IDS = {"m.onnx", "--data", "ids.npy", "--lengths", "lengths.npy"};

    private static final Pattern SMALL = Pattern.compile(
            "error: [a-z ]+ takes [0-9]+ kB for a single sample \\('\\w+'\\), and --max-memory allows"
                    + " (?<allowed>[0-9]+ kB)\nhint: give at least --max-memory (?<enough>[0-9]+k), or smaller samples\n");

    @TempDir
    private Path directory;

    @BeforeEach
    void write() throws IOException {
        TextModels.classifier(directory.resolve("m.onnx"), -1);
        TextModels.tokenizer(directory.resolve("t.json"), TextModels.WORDS, true);
        texts("x.csv", "a b c", "bad", "d e f g h i");
        longs("ids.npy", "3,4", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
        longs("lengths.npy", "3", 4, 2, 3);
    }

    private void texts(String name, String... texts) throws IOException {
        Files.writeString(
                directory.resolve(name),
                Stream.of(texts).map(t -> t + ",1\n").collect(Collectors.joining("", "text,label\n", "")));
    }

    private void longs(String name, String dims, long... values) throws IOException {
        TestModels.npy(directory.resolve(name), "<i8", dims + ",", bytes(values));
    }

    private void npz(String dims, long[] ids, long[] mask) throws IOException {
        Map<String, long[]> arrays =
                Map.of("input_ids", ids, "attention_mask", mask, "token_type_ids", new long[ids.length]);
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(directory.resolve("x.npz")))) {
            for (Map.Entry<String, long[]> array : arrays.entrySet()) {
                longs("one.npy", dims, array.getValue());
                zip.putNextEntry(new ZipEntry(array.getKey() + ".npy"));
                zip.write(Files.readAllBytes(directory.resolve("one.npy")));
            }
        }
    }

    private static byte[] bytes(long... values) {
        ByteBuffer data = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
        for (long value : values) {
            data.putLong(value);
        }
        return data.array();
    }

    /// Runs `quantize` and `evaluate`, which must say the same.
    private void refused(String message, String hint, String... arguments) {
        List<String> quantize = new ArrayList<>(List.of("quantize"));
        quantize.addAll(List.of(arguments));
        quantize.addAll(List.of("--out", "out"));
        assertRefused(message, hint, quantize);
        List<String> evaluate = new ArrayList<>(List.of("evaluate"));
        evaluate.addAll(List.of(arguments));
        evaluate.addAll(List.of("--reference", "m.onnx"));
        assertRefused(message, hint, evaluate);
    }

    private void assertRefused(String message, String hint, List<String> arguments) {
        CommandLineRun run = CommandLineRun.of(directory, arguments.toArray(new String[0]));
        assertEquals(2, run.exitCode(), run.err());
        List<String> said = run.err()
                .lines()
                .filter(line -> !line.isBlank())
                .skip(run.err().lines().count() - 2)
                .toList();
        assertEquals("error: " + message, said.getFirst(), run.err());
        assertTrue(said.getLast().startsWith("hint: ") && said.getLast().contains(hint), run.err());
        assertFalse(run.err().contains("\tat "), "no stack trace");
        assertFalse(Files.exists(directory.resolve("out")), "nothing is left half written");
    }

    @Test
    void aTokenizerOfAnotherVocabularyIsNamedWithTextIdAndTable() throws IOException {
        List<String> more = new ArrayList<>(TextModels.WORDS);
        more.add("zebra");
        TextModels.tokenizer(directory.resolve("t.json"), more, true);
        texts("x.csv", "a b", "c zebra");
        refused(
                "'text 1': input 'input_ids' gets 12 at place 2, but the model's table has 12 rows, 0 to 11",
                "the tokenizer that belongs to the model",
                TEXTS);
    }

    @Test
    void anIdOutsideTheTableIsNamedWithItsSample() throws IOException {
        longs("ids.npy", "3,4", 0, 1, 2, 3, 4, 5, 6, 7, 8, 99, 10, 11);
        refused(
                "'sample 2': input 'input_ids' gets 99 at place 1, but the model's table has 12 rows, 0 to 11",
                "samples made for it",
                IDS);
    }

    @Test
    void aTextThatIsLongerThanTheTableOfPositionsIsNamedWithBothLengths() throws IOException {
        texts("x.csv", "a b", "a b c d e f g h i", "a b c d e f g h");
        refused(
                "'text 1' has 10 tokens, and the model takes 8 at most; 2 of 3 samples are longer",
                "cut them with --max-length 8",
                TEXTS);
        CommandLineRun cut = CommandLineRun.of(
                directory,
                "quantize",
                "m.onnx",
                "--data",
                "x.csv",
                "--tokenizer",
                "t.json",
                "--max-length",
                "8",
                "--out",
                "out",
                "--format",
                "json");
        assertEquals(0, cut.exitCode(), cut.err());
        assertTrue(cut.out().contains("2 of 3 texts were cut, first 'text 1' to 8 tokens"), cut.out());
    }

    @Test
    void aShapeThatIsLongerThanTheTableOfPositionsIsNamedWithBothLengths() {
        List<String> arguments = new ArrayList<>(List.of(TEXTS));
        for (String input : List.of("input_ids", "attention_mask", "token_type_ids")) {
            arguments.addAll(List.of("--shape", input + "=1,9"));
        }
        refused(
                "--shape asks for 9 tokens in 'attention_mask', 'input_ids', 'token_type_ids', and the model takes 8 at most",
                "give --shape 8 tokens or fewer",
                arguments.toArray(String[]::new));
    }

    @Test
    void anArrayThatIsLongerThanTheTableOfPositionsIsNamedToo() throws IOException {
        long[] ids = IntStream.range(0, 20).mapToLong(i -> i % 10).toArray();
        longs("ids.npy", "2,10", ids);
        longs("lengths.npy", "2", 3, 10);
        refused("'sample 1' has 10 tokens, and the model takes 8 at most", "--max-length 8", IDS);
        long[] ones = new long[20];
        Arrays.fill(ones, 1);
        npz("2,10", ids, ones);
        refused(
                "'sample 0' has 10 tokens, and the model takes 8 at most",
                "store at most 8 tokens a sample",
                "m.onnx",
                "--data",
                "x.npz");
    }

    @Test
    void aModelOfFixedLengthSaysHowManyTextsItCut() throws IOException {
        TextModels.classifier(directory.resolve("m.onnx"), 4);
        CommandLineRun run = CommandLineRun.of(
                directory, "quantize", "m.onnx", "--data", "x.csv", "--tokenizer", "t.json", "--out", "out");
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(
                run.out().replaceAll("\\s+", " ").contains("1 of 3 texts were cut, first 'text 2' to 4 tokens"),
                run.out());
        CommandLineRun more = CommandLineRun.of(
                directory, "evaluate", "m.onnx", "--data", "x.csv", "--tokenizer", "t.json", "--max-length", "5");
        assertEquals(2, more.exitCode());
        assertTrue(
                more.err().startsWith("error: --max-length 5 is more than the 4 tokens that the model takes"),
                more.err());
    }

    @Test
    void anEmptyTextIsNamedWithItsRow() throws IOException {
        texts("x.csv", "a b", "\" \"", "c");
        refused("'%s': the text of row 2 is empty".formatted(directory.resolve("x.csv")), "leave that row out", TEXTS);
        TextModels.tokenizer(directory.resolve("t.json"), TextModels.WORDS, false);
        // A space to the tokenizer, though not to Java.
        texts("x.csv", "a b", "\u00a0", "c");
        refused("'text 1' has no tokens: the tokenizer makes none of \"\u00a0\"", "leave that text out", TEXTS);
    }

    @Test
    void aMaskThatLeavesNothingIsNamedWithItsSample() throws IOException {
        long[] mask = {1, 1, 1, 0, 0, 0, 1, 1, 0};
        npz("3,3", new long[] {0, 1, 2, 3, 4, 5, 6, 7, 8}, mask);
        refused(
                "'sample 1': input 'attention_mask' is 0 everywhere, which masks every token",
                "leave the sample out",
                "m.onnx",
                "--data",
                "x.npz");
    }

    @Test
    void tooLittleMemoryForOneSampleSaysHowMuchItTakes() {
        String limit = "1k";
        int refusals = 0;
        CommandLineRun run = limited(limit);
        while (run.exitCode() == 2) {
            Matcher said = SMALL.matcher(run.err());
            assertTrue(said.find(), run.err());
            assertEquals(limit.replace("k", " kB"), said.group("allowed"), run.err());
            assertFalse(Files.exists(directory.resolve("out")), "nothing is left half written");
            limit = said.group("enough");
            run = limited(limit);
            refusals++;
        }
        assertEquals(0, run.exitCode(), run.err());
        // Measuring says first what it takes, since most do no more; what calibration takes beyond comes after.
        assertTrue(refusals == 1 || refusals == 2, refusals + " refusals");
    }

    private CommandLineRun limited(String limit) {
        return CommandLineRun.of(
                directory,
                "quantize",
                "m.onnx",
                "--data",
                "x.csv",
                "--tokenizer",
                "t.json",
                "--out",
                "out",
                "--max-memory",
                limit);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            hello            | Unrecognized token 'hello'
            ''               | it is empty
            [1, 2]           | it has no "model"
            {"size": 3}      | it has no "model"
            {"model": {"type": "Foo"}} | data did not match any variant
            """)
    void aFileThatIsNoTokenizerIsRefused(String content, String reason) throws IOException {
        Files.writeString(directory.resolve("t.json"), content);
        for (String command : new String[] {"quantize --out out", "evaluate --reference m.onnx"}) {
            CommandLineRun run = CommandLineRun.of(
                    directory,
                    Stream.concat(Stream.of(command.split(" ")), Stream.of(TEXTS))
                            .toArray(String[]::new));
            assertEquals(2, run.exitCode());
            assertTrue(
                    run.err()
                            .contains("error: '%s' is no tokenizer: %s".formatted(directory.resolve("t.json"), reason)),
                    run.err());
            assertTrue(run.err().contains("hint: give the tokenizer.json that belongs to the model"), run.err());
            assertFalse(Files.exists(directory.resolve("out")));
        }
    }

    @Test
    void lengthsOfAnotherCountAreRefused() throws IOException {
        longs("lengths.npy", "2", 4, 2);
        refused(
                "there are 3 samples in '%s', but the lengths in '%s' have shape 2"
                        .formatted(directory.resolve("ids.npy"), directory.resolve("lengths.npy")),
                "give one length a sample",
                IDS);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, 5})
    void aLengthOutsideTheArrayIsRefusedWithItsSample(long length) throws IOException {
        longs("lengths.npy", "3", 4, 2, length);
        refused(
                "'%s': the length of sample 2 is %d".formatted(directory.resolve("lengths.npy"), length),
                "from 1 to 4",
                IDS);
    }

    @Test
    void lengthsOfTextsAreRefused() {
        refused(
                "--lengths counts the token ids of a .npy, but '%s' holds texts".formatted(directory.resolve("x.csv")),
                "--max-length N",
                Stream.concat(Stream.of(TEXTS), Stream.of("--lengths", "lengths.npy"))
                        .toArray(String[]::new));
    }

    @Test
    void whatIsSuggestedNextReadsTheTextsAlike() {
        CommandLineRun run = CommandLineRun.of(
                directory,
                Stream.concat(Stream.of("quantize", "--out", "out"), Stream.of(TEXTS))
                        .toArray(String[]::new));
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(
                run.out().contains("--tokenizer " + directory.resolve("t.json"))
                        || run.out().contains("--tokenizer t.json"),
                run.out());
    }
}
