package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// Ctrl-C in the middle of the work, on a process of its own.
@DisabledOnOs(OS.WINDOWS)
class InterruptTest {
    /// SIGINT, as shells count it.
    private static final int INTERRUPTED = 130;

    @TempDir
    private Path directory;

    @Test
    void aLongEvaluationEndsAtOnce() throws IOException, InterruptedException {
        Path models = Files.createDirectory(directory.resolve("models"));
        TestModels.slow(models.resolve("slow.onnx"), 512, 200);
        TestModels.samples(models.resolve("x.npy"), 40, 512, 512);
        Process process =
                start("evaluate", "models/slow.onnx", "--data", "models/x.npy", "--reference", "models/slow.onnx");
        assertFalse(process.waitFor(4, TimeUnit.SECONDS), "the work must be long enough to be interrupted");
        interrupt(process);
        assertTrue(process.waitFor(10, TimeUnit.SECONDS), "Ctrl-C must end the process");
        String err = text(process.errorReader());
        assertEquals(INTERRUPTED, process.exitValue(), err);
        assertFalse(err.contains("\tat ") || err.contains("hs_err"), err);
        assertEquals("models", ModelCommandsTest.listing(directory));
    }

    @Test
    void anInterruptedSimplifyLeavesNothing() throws IOException, InterruptedException {
        Path models = Files.createDirectory(directory.resolve("models"));
        TestModels.slow(models.resolve("slow.onnx"), 1024, 400);
        Files.createDirectory(directory.resolve("out"));
        Process process = start("simplify", "models/slow.onnx", "--out", "out/s.onnx", "--threads", "1");
        waitForStaging(process);
        interrupt(process);
        assertTrue(process.waitFor(10, TimeUnit.SECONDS), "Ctrl-C must end the process");
        assertEquals(INTERRUPTED, process.exitValue(), text(process.errorReader()));
        assertEquals("", ModelCommandsTest.listing(directory.resolve("out")));
    }

    @Test
    void anInterruptedQuantizeLeavesNothing() throws IOException, InterruptedException {
        Path models = Files.createDirectory(directory.resolve("models"));
        TestModels.slow(models.resolve("slow.onnx"), 512, 200);
        TestModels.samples(models.resolve("x.npy"), 40, 512, 512);
        Files.createDirectory(directory.resolve("out"));
        Process process =
                start("quantize", "models/slow.onnx", "--data", "models/x.npy", "--out", "out", "--batch", "1");
        waitForStaging(process);
        assertFalse(process.waitFor(1, TimeUnit.SECONDS), "the work must be long enough to be interrupted");
        interrupt(process);
        assertTrue(process.waitFor(10, TimeUnit.SECONDS), "Ctrl-C must end the process");
        String err = text(process.errorReader());
        assertEquals(INTERRUPTED, process.exitValue(), err);
        assertFalse(err.contains("\tat ") || err.contains("hs_err"), err);
        assertEquals("", ModelCommandsTest.listing(directory.resolve("out")));
    }

    @Test
    void anInterruptedSoakLeavesNothing() throws IOException, InterruptedException {
        Path models = Files.createDirectory(directory.resolve("models"));
        TestModels.slow(models.resolve("slow.onnx"), 512, 200);
        TestModels.samples(models.resolve("x.npy"), 1, 512, 512);
        Files.createDirectory(directory.resolve("out"));
        Process process =
                start("run", "models/slow.onnx", "--data", "models/x.npy", "--soak", "100000", "--out", "out");
        waitForStaging(process);
        assertFalse(process.waitFor(1, TimeUnit.SECONDS), "the work must be long enough to be interrupted");
        interrupt(process);
        assertTrue(process.waitFor(10, TimeUnit.SECONDS), "Ctrl-C must end the process");
        String err = text(process.errorReader());
        assertEquals(INTERRUPTED, process.exitValue(), err);
        assertFalse(err.contains("\tat ") || err.contains("hs_err"), err);
        assertEquals("", ModelCommandsTest.listing(directory.resolve("out")));
    }

    /// Waits until something is being written beside the output.
    private void waitForStaging(Process process) throws IOException, InterruptedException {
        for (int i = 0; i < 200; i++) {
            try (Stream<Path> staged = Files.list(directory.resolve("out"))) {
                if (staged.findAny().isPresent()) {
                    return;
                }
            }
            assertTrue(process.isAlive(), "the work must be long enough to be interrupted");
            Thread.sleep(50);
        }
        throw new AssertionError("nothing was staged within ten seconds");
    }

    /// The class path goes by the environment: ONNX Runtime's start-up does not survive a very long command line.
    private Process start(String... arguments) throws IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        ProcessBuilder builder = new ProcessBuilder(Stream.concat(
                        Stream.of(java, "--enable-native-access=ALL-UNNAMED", "dev.nibble.cli.Nibble"),
                        Stream.of(arguments))
                .toList());
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        builder.environment().put("CLASSPATH", classPath);
        return builder.directory(directory.toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    private static void interrupt(Process process) throws IOException, InterruptedException {
        assertEquals(
                0,
                new ProcessBuilder("kill", "-INT", Long.toString(process.pid()))
                        .start()
                        .waitFor());
    }

    private static String text(BufferedReader reader) throws IOException {
        return String.join("\n", reader.lines().toList());
    }
}
