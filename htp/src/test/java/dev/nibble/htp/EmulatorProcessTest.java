package dev.nibble.htp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// As [ChildProcessTest], with Qualcomm's libraries at work in the child.
@Tag("slow")
class EmulatorProcessTest {
    private static final Soc SM8650 = new Soc("sm8650", 57);
    private static final Duration LONG = Duration.ofMinutes(5);

    /// More than it takes to begin a run.
    private static final Duration INTO_THE_RUNS = Duration.ofMillis(300);

    /// More runs than any machine does in [#INTO_THE_RUNS].
    private static final int MANY = 10_000;

    private static final Map<String, Tensor> INPUT =
            Map.of("v0", Tensor.of(TestModels.HEAVY, new float[(int) TestModels.HEAVY.elements()]));

    private static HtpChildModel open(HtpExecutor.Limits limits) {
        HtpModel model = HtpModel.withOutputs(TestModels.heavy(), List.of("v4"));
        return new HtpChildModel(model, "heavy", TestLibraries.require(), SM8650, limits);
    }

    @Test
    void aKillWhileRunningIsSurvived() throws InterruptedException {
        try (HtpChildModel child = open(new HtpExecutor.Limits(LONG, LONG))) {
            Thread killer = Thread.ofPlatform().start(() -> {
                try {
                    Thread.sleep(INTO_THE_RUNS);
                    ChildProcessTest.kill(child.pid());
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            NibbleException e = assertThrows(NibbleException.class, () -> {
                for (int i = 0; i < MANY; i++) {
                    child.run(INPUT);
                }
            });
            killer.join();
            assertTrue(
                    e.getMessage().startsWith("model 'heavy': the HTP's process was ended by signal 9 while running"),
                    e.getMessage());
            NibbleException again = assertThrows(NibbleException.class, () -> child.run(INPUT));
            assertTrue(again.getMessage().contains("while running"), again.getMessage());
        }
    }

    @Test
    void aRunThatTakesTooLongIsEnded() {
        long pid;
        try (HtpChildModel child = open(new HtpExecutor.Limits(LONG, aRun().dividedBy(4)))) {
            pid = child.pid();
            NibbleException e = assertThrows(NibbleException.class, () -> child.run(INPUT));
            assertTrue(e.getMessage().contains("did not finish running within"), e.getMessage());
        }
        assertTrue(ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty());
    }

    @Test
    void aParentThatIsKilledDuringARunTakesTheChildAlong(@TempDir Path folder) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        OrphanedParent.class.getName(),
                        "run",
                        TestLibraries.require().root().toString())
                .redirectError(folder.resolve("stderr").toFile());
        builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
        Process parent = builder.start();
        try {
            String line = parent.inputReader(StandardCharsets.UTF_8).readLine();
            assertTrue(line != null, () -> "the parent said nothing: " + read(folder.resolve("stderr")));
            ProcessHandle child =
                    ProcessHandle.of(Long.parseLong(line.split(" ", 2)[0])).orElseThrow();
            Thread.sleep(INTO_THE_RUNS);
            parent.destroyForcibly().waitFor();
            ChildProcessTest.await(() -> !child.isAlive());
            assertFalse(child.isAlive());
            try (DirectoryStream<Path> left = Files.newDirectoryStream(
                    Path.of(System.getProperty("java.io.tmpdir")), "nibble-htp-" + parent.pid() + "-*")) {
                assertEquals(List.of(), List.copyOf(toList(left)));
            }
        } finally {
            parent.destroyForcibly();
        }
    }

    /// What a run takes on this machine.
    private static Duration aRun() {
        try (HtpChildModel child = open(new HtpExecutor.Limits(LONG, LONG))) {
            child.run(INPUT);
            long start = System.nanoTime();
            child.run(INPUT);
            return Duration.ofNanos(System.nanoTime() - start);
        }
    }

    private static List<Path> toList(Iterable<Path> paths) {
        List<Path> list = new java.util.ArrayList<>();
        paths.forEach(list::add);
        return list;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
