package dev.nibble.htp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.io.ModelWriter;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Whatever happens to the child, the parent goes on with an error that names model and stage, and nothing stays.
class ChildProcessTest {
    private static final Duration LONG = Duration.ofMinutes(2);
    private static final long WAIT_MILLIS = 20_000;

    @TempDir
    Path folder;

    private Set<Path> before = Set.of();

    @BeforeEach
    void lookAround() throws IOException {
        before = left();
    }

    @AfterEach
    void nothingIsLeftBehind() throws IOException {
        assertEquals(before, left());
        assertEquals(
                0,
                ProcessHandle.current()
                        .children()
                        .filter(ProcessHandle::isAlive)
                        .count());
    }

    /// The folders of this process's children.
    private static Set<Path> left() throws IOException {
        Set<Path> folders = new TreeSet<>();
        try (DirectoryStream<Path> found = Files.newDirectoryStream(
                Path.of(System.getProperty("java.io.tmpdir")),
                "nibble-htp-" + ProcessHandle.current().pid() + "-*")) {
            found.forEach(folders::add);
        }
        return folders;
    }

    static void open(ChildProcess child, HtpLibraries libraries, Duration limit) {
        Path model = child.folder().resolve("model.onnx");
        ModelWriter.write(TestModels.conv(), model);
        child.open(model, libraries, Map.of(), Map.of(), limit);
    }

    @Test
    void aCrashWhileLoadingNamesModelAndStage() throws IOException {
        HtpLibraries libraries = FakeLibrary.ABORTS.in(folder);
        try (ChildProcess child = ChildProcess.start("m", ChildProcess.Logging.WARNINGS)) {
            NibbleException e = assertThrows(NibbleException.class, () -> open(child, libraries, LONG));
            assertTrue(
                    e.getMessage().startsWith("model 'm': the HTP's process crashed while compiling: SIGILL"),
                    e.getMessage());
            assertFalse(child.usable());
        }
    }

    @Test
    void aHangIsEndedAfterItsTime() throws IOException {
        HtpLibraries libraries = FakeLibrary.HANGS.in(folder);
        try (ChildProcess child = ChildProcess.start("m", ChildProcess.Logging.WARNINGS)) {
            NibbleException e =
                    assertThrows(NibbleException.class, () -> open(child, libraries, Duration.ofSeconds(1)));
            assertEquals(
                    "model 'm': the HTP's process did not finish compiling within 1 s and was ended", e.getMessage());
        }
    }

    @Test
    void aKillWhileCompilingIsSurvived() throws IOException {
        HtpLibraries libraries = FakeLibrary.HANGS.in(folder);
        try (ChildProcess child = ChildProcess.start("m", ChildProcess.Logging.WARNINGS)) {
            killLater(child.pid());
            NibbleException e = assertThrows(NibbleException.class, () -> open(child, libraries, LONG));
            assertTrue(
                    e.getMessage().startsWith("model 'm': the HTP's process was ended by signal 9 while compiling"),
                    e.getMessage());
        }
    }

    @Test
    void aKillBetweenRequestsIsSurvived() throws Exception {
        try (ChildProcess child = ChildProcess.start("m", ChildProcess.Logging.WARNINGS)) {
            kill(child.pid());
            NibbleException e = assertThrows(NibbleException.class, () -> child.run(List.of(), LONG));
            assertTrue(e.getMessage().contains("was ended by signal 9 while running"), e.getMessage());
        }
    }

    @Test
    void aKillWhileStartingIsSurvived() throws Exception {
        Thread killer = Thread.ofPlatform()
                .start(() -> await(() -> {
                    List<ProcessHandle> children =
                            ProcessHandle.current().children().toList();
                    children.forEach(ProcessHandle::destroyForcibly);
                    return !children.isEmpty();
                }));
        NibbleException e =
                assertThrows(NibbleException.class, () -> ChildProcess.start("m", ChildProcess.Logging.WARNINGS));
        killer.join();
        assertTrue(e.getMessage().startsWith("model 'm': the HTP's process "), e.getMessage());
    }

    @Test
    void aRefusalLeavesTheChildUsable() throws IOException {
        HtpLibraries libraries = new HtpLibraries(folder);
        try (ChildProcess child = ChildProcess.start("m", ChildProcess.Logging.WARNINGS)) {
            for (int i = 0; i < 2; i++) {
                NibbleException e = assertThrows(NibbleException.class, () -> open(child, libraries, LONG));
                assertTrue(e.getMessage().startsWith("model 'm': compiling for the HTP failed: "), e.getMessage());
                NibbleException run = assertThrows(NibbleException.class, () -> child.run(List.of(), LONG));
                assertTrue(run.getMessage().contains("no model is open"), run.getMessage());
            }
            assertTrue(child.usable());
        }
    }

    @Test
    void aTruncatedLibraryIsSaidToBeDamaged() throws IOException {
        HtpLibraries libraries = FakeLibrary.ABORTS.in(folder);
        Files.write(libraries.plugin(), new byte[] {0x7f, 'E', 'L', 'F'});
        try (ChildProcess child = ChildProcess.start("m", ChildProcess.Logging.WARNINGS)) {
            NibbleException e = assertThrows(NibbleException.class, () -> open(child, libraries, LONG));
            assertTrue(e.getMessage().contains("damaged or for another processor"), e.getMessage());
        }
    }

    /// The parent is killed while its child waits, and while its child is in native code.
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aKilledParentTakesChildAndFolderAlong(boolean busy) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), OrphanedParent.class.getName()));
        if (busy) {
            command.addAll(List.of("load", FakeLibrary.HANGS.in(folder).root().toString()));
        }
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectError(folder.resolve("stderr").toFile());
        builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
        Process parent = builder.start();
        try {
            String line = parent.inputReader(StandardCharsets.UTF_8).readLine();
            assertTrue(line != null, () -> "the parent said nothing: " + folder.resolve("stderr"));
            ProcessHandle child =
                    ProcessHandle.of(Long.parseLong(line.split(" ", 2)[0])).orElseThrow();
            Path left = Path.of(line.split(" ", 2)[1]);
            assertTrue(Files.exists(left));
            if (busy) {
                // Until the child is in the library.
                await(() -> Files.exists(left.resolve("model.onnx")));
                Thread.sleep(500);
            }
            parent.destroyForcibly().waitFor();
            await(() -> !child.isAlive());
            assertFalse(child.isAlive());
            assertFalse(Files.exists(left), "the folder stays");
        } finally {
            parent.destroyForcibly();
        }
    }

    /// Whoever deletes the folder, the child ends: no result could reach anybody. While it waits, and in native code.
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aChildWhoseFolderIsGoneEnds(boolean busy) throws Exception {
        HtpLibraries hanging = FakeLibrary.HANGS.in(folder);
        try (ChildProcess child = ChildProcess.start("m", ChildProcess.Logging.WARNINGS)) {
            Thread user = Thread.ofPlatform().unstarted(() -> {
                NibbleException e = assertThrows(NibbleException.class, () -> open(child, hanging, LONG));
                assertTrue(e.getMessage().contains("while compiling"), e.getMessage());
            });
            if (busy) {
                user.start();
                await(() -> Files.exists(child.folder().resolve("model.onnx")));
                Thread.sleep(500);
            }
            ChildFolder.delete(child.folder());
            await(() -> !child.usable());
            assertFalse(child.usable());
            user.join();
        }
    }

    @Test
    void whatKilledProcessesLeftIsSweptUp() throws Exception {
        Path gone = Files.createDirectory(folder.resolve("nibble-htp-999999999-1"));
        Files.createFile(gone.resolve("model.onnx"));
        Files.createFile(gone.resolve(ChildFolder.OWNER));
        // Of a process that lives where its number is another: in another container.
        Path locked = Files.createDirectory(folder.resolve("nibble-htp-999999999-2"));
        Path beginning = Files.createDirectory(folder.resolve("nibble-htp-999999999-3"));
        Path owner = Files.createFile(locked.resolve(ChildFolder.OWNER));
        Path alive = Files.createDirectory(
                folder.resolve("nibble-htp-" + ProcessHandle.current().pid() + "-1"));
        Path another = Files.createDirectory(folder.resolve("nibble-htp-notes"));
        try (FileChannel channel = FileChannel.open(owner, StandardOpenOption.WRITE)) {
            assertTrue(channel.tryLock() != null);
            ChildFolder.sweep(folder);
            assertTrue(Files.exists(locked));
        }
        assertFalse(Files.exists(gone));
        assertTrue(Files.exists(beginning));
        assertTrue(Files.exists(alive));
        assertTrue(Files.exists(another));
    }

    private static void killLater(long pid) {
        Thread.ofPlatform().daemon().start(() -> {
            try {
                Thread.sleep(700);
                kill(pid);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    static void kill(long pid) {
        ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
        await(() -> ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty());
    }

    static void await(BooleanSupplier done) {
        long end = System.nanoTime() + WAIT_MILLIS * 1_000_000;
        while (!done.getAsBoolean() && System.nanoTime() < end) {
            Thread.onSpinWait();
        }
    }
}
