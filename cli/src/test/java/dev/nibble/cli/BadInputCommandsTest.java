package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What goes wrong is said in the house's form, and leaves nothing behind.
class BadInputCommandsTest {
    @TempDir
    private Path directory;

    @BeforeEach
    void write() throws IOException {
        TestModels.classifier(directory.resolve("good.onnx"));
        TestModels.samples(directory.resolve("x.npy"), 10, TestModels.FEATURES);
        TestModels.labels(directory.resolve("labels.npy"), 10, 0);
        byte[] good = Files.readAllBytes(directory.resolve("good.onnx"));
        Files.write(directory.resolve("truncated.onnx"), Arrays.copyOf(good, good.length * 2 / 3));
        Files.write(directory.resolve("empty.onnx"), new byte[0]);
        Files.createDirectory(directory.resolve("folder.onnx"));
        byte[] random = new byte[5000];
        new Random(5).nextBytes(random);
        Files.write(directory.resolve("random.onnx"), random);
        TestModels.withDataFile(directory.resolve("missing.onnx"), "weights.bin");
        Files.write(directory.resolveSibling(directory.getFileName() + ".bin"), new byte[4 * 64]);
        TestModels.withDataFile(directory.resolve("outside.onnx"), "../" + directory.getFileName() + ".bin");
        TestModels.cyclic(directory.resolve("cycle.onnx"));
        TestModels.withNan(directory.resolve("nan.onnx"));
        TestModels.withoutFloats(directory.resolve("whole.onnx"));
        TestModels.zeroSized(directory.resolve("zero.onnx"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "truncated | truncated.onnx",
                "empty | is empty",
                "folder | is a directory",
                "random | random.onnx",
                "outside | ../",
                "cycle | cycle",
                "nowhere | there is no file"
            })
    void noCommandTakesADamagedModel(String line) {
        String file = line.substring(0, line.indexOf(' ')) + ".onnx";
        String said = line.substring(line.indexOf('|') + 2);
        refused(said, "inspect", file);
        refused(said, "simplify", file, "--out", "out/s.onnx");
        refused(said, "simplify", file, "--out", "out/s.onnx", "--passes", "none");
        refused(said, "evaluate", file, "--data", "x.npy", "--labels", "labels.npy");
        refused(said, "evaluate", "good.onnx", "--data", "x.npy", "--reference", file);
        refused(said, "compare", "good.onnx", file, "--data", "x.npy");
        refused(said, "estimate", file);
        refused(said, "tune", file, "--apply", "--out", "out/t.onnx");
        refused(said, "htp-config", file, "--scenario", "camera", "--out", "out/c");
        assertFalse(Files.exists(directory.resolve("out/s.onnx")));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "missing.onnx | weights.bin",
                "nan.onnx | tensor 'w': holds NaN (float), first at index 3",
                "whole.onnx | no float output"
            })
    void whatCannotBeMeasuredIsNamed(String file, String said) {
        refused(said, "evaluate", file, "--data", "x.npy", "--labels", "labels.npy");
        refused(said, "compare", file, "good.onnx", "--data", "x.npy");
    }

    @Test
    void zeroSizedInputs() {
        CommandLineRun inspected = CommandLineRun.of(directory, "inspect", "zero.onnx", "--weights");
        assertEquals(0, inspected.exitCode(), inspected.err());
        CommandLineRun simplified = CommandLineRun.of(directory, "simplify", "zero.onnx", "--out", "s.onnx");
        assertEquals(0, simplified.exitCode(), simplified.err());
        refused("", "evaluate", "zero.onnx", "--data", "x.npy", "--labels", "labels.npy");
    }

    @Test
    void labelsThatDoNotMatchInNumber() throws IOException {
        TestModels.labels(directory.resolve("few.npy"), 9, 0);
        refused("10 samples but 9 labels", "evaluate", "good.onnx", "--data", "x.npy", "--labels", "few.npy");
    }

    @Test
    void samplesOfAnotherShape() throws IOException {
        TestModels.samples(directory.resolve("wide.npy"), 10, 9);
        refused("'sample 0' has shape 9", "evaluate", "good.onnx", "--data", "wide.npy", "--labels", "labels.npy");
    }

    @Test
    void anExistingOutputStaysWithoutForce() throws IOException {
        Files.writeString(directory.resolve("s.onnx"), "precious");
        refused("s.onnx' already exists", "simplify", "good.onnx", "--out", "s.onnx");
        assertEquals("precious", Files.readString(directory.resolve("s.onnx")));
        CommandLineRun forced = CommandLineRun.of(directory, "simplify", "good.onnx", "--out", "s.onnx", "--force");
        assertEquals(0, forced.exitCode(), forced.err());
        assertTrue(Files.size(directory.resolve("s.onnx")) > 100);
    }

    @Test
    void anOutputThatCannotBeWritten() throws IOException {
        Files.writeString(directory.resolve("file"), "");
        refused("", "simplify", "good.onnx", "--out", "file/s.onnx");
        refused("is a folder", "simplify", "good.onnx", "--out", "folder.onnx");
        refused("", "simplify", "good.onnx", "--out", "/proc/s.onnx");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "evalute good.onnx | did you mean 'evaluate'?",
                "evaluate good.onnx --data x.npy --lables labels.npy | did you mean '--labels'?",
                "evaluate good.onnx --data x.npy --labels labels.npy --metric top2 | did you mean 'top",
                "evaluate good.onnx --data x.npy --labels labels.npy --on gpu | cpu",
                "simplify good.onnx | --out",
                "evaluate good.onnx | --data",
                "inspect | MODEL",
                "inspect good.onnx --shape z=1,8 | 'z'",
                "inspect good.onnx --shape x=1,9 | 9"
            })
    void wrongUseHasASuggestion(String line, String said) {
        refused(said, line.split(" "));
    }

    private void refused(String said, String... arguments) {
        String before = tree();
        CommandLineRun run = CommandLineRun.of(directory, arguments);
        String what = String.join(" ", arguments) + "\n" + run.err();
        assertEquals(2, run.exitCode(), what);
        assertEquals("", run.out(), what);
        assertTrue(run.err().startsWith("error: "), what);
        assertTrue(run.err().contains("\nhint: "), what);
        assertTrue(run.err().contains(said), what);
        assertFalse(run.err().contains("\tat "), what);
        assertFalse(run.err().contains("unexpected"), what);
        assertEquals(before, tree(), what);
    }

    /// The files below the folder; folders that hold none do not count.
    private String tree() {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile).sorted().toList().toString();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
