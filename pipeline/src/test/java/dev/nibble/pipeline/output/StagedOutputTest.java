package dev.nibble.pipeline.output;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StagedOutputTest {
    @TempDir
    private Path directory;

    @Test
    void aFileAppearsWholeOrNotAtAll() throws IOException {
        Path out = directory.resolve("new/model.onnx");
        try (StagedFile file = StagedFile.open(out, false)) {
            Files.writeString(file.path(), "whole");
            assertFalse(Files.exists(out));
            file.commit();
        }
        assertEquals("whole", Files.readString(out));
        try (StagedFile file = StagedFile.open(out, true)) {
            Files.writeString(file.path(), "half");
        }
        assertEquals("whole", Files.readString(out));
        assertEquals(List.of("model.onnx"), names(out.getParent()));
    }

    @Test
    void aResultHasTheModeOfAnyFile() throws IOException {
        Path plain = Files.createFile(directory.resolve("plain"));
        Path out = directory.resolve("out");
        try (StagedFile file = StagedFile.open(out, false)) {
            file.commit();
        }
        assertEquals(Files.getPosixFilePermissions(plain), Files.getPosixFilePermissions(out));
    }

    @Test
    void whatExistsIsRefusedAtTheStartAndAtTheEnd() throws IOException {
        Path out = Files.writeString(directory.resolve("out.onnx"), "old");
        NibbleException early = assertThrows(NibbleException.class, () -> StagedFile.open(out, false));
        assertEquals("'" + out + "' already exists", early.getMessage());
        assertEquals("use --force to overwrite it, or another --out", early.hint());

        Files.delete(out);
        try (StagedFile file = StagedFile.open(out, false)) {
            Files.writeString(out, "somebody else's");
            assertThrows(NibbleException.class, file::commit);
        }
        assertEquals("somebody else's", Files.readString(out));
    }

    @Test
    void aFolderAppearsWholeOrNotAtAll() throws IOException {
        Path out = directory.resolve("out");
        try (StagedDirectory staged = StagedDirectory.open(out, List.of("a"), false)) {
            Files.writeString(staged.file("a"), "1");
            Files.writeString(staged.file("sub/b"), "2");
            assertFalse(Files.exists(out));
            staged.commit();
        }
        assertEquals("1", Files.readString(out.resolve("a")));
        assertEquals("2", Files.readString(out.resolve("sub/b")));
        assertEquals(List.of("out"), names(directory));
        assertEquals(List.of("a", "sub"), names(out));
    }

    @Test
    void aFolderKeepsItsOtherFiles() throws IOException {
        Files.writeString(directory.resolve("mine"), "kept");
        try (StagedDirectory staged = StagedDirectory.open(directory, List.of("a"), false)) {
            Files.writeString(staged.file("a"), "1");
            staged.commit();
        }
        assertEquals(List.of("a", "mine"), names(directory));
    }

    /// A process that was killed holds no lock any more.
    @Test
    void whatAKilledProcessLeftBehindIsDeletedAndWhatARunningOneWritesIsNot() throws IOException {
        Path out = directory.resolve("out");
        for (Path folder : List.of(directory, Files.createDirectory(out))) {
            Path abandoned = Files.createDirectory(folder.resolve(".out.123"));
            Files.createFile(abandoned.resolve(".lock"));
            Files.writeString(abandoned.resolve("model.onnx"), "half");
        }
        Path somebodys = Files.createDirectory(directory.resolve(".out.mine"));
        try (StagedDirectory running = StagedDirectory.open(out, List.of(), false)) {
            Files.writeString(running.file("a"), "1");
            assertEquals(List.of(".out.mine", "out"), names(directory));
            try (StagedDirectory second = StagedDirectory.open(out, List.of(), false)) {
                Files.writeString(second.file("b"), "2");
                second.commit();
            }
            running.commit();
        }
        assertEquals(List.of("a", "b"), names(out));
        assertTrue(Files.exists(somebodys));
    }

    @Test
    void aTakenNameInAFolderIsRefusedBeforeAnythingMoves() throws IOException {
        Files.writeString(directory.resolve("b"), "old");
        assertThrows(NibbleException.class, () -> StagedDirectory.open(directory, List.of("a", "b"), false));
        try (StagedDirectory staged = StagedDirectory.open(directory, List.of(), false)) {
            Files.writeString(staged.file("a"), "1");
            Files.writeString(staged.file("b"), "new");
            assertThrows(NibbleException.class, staged::commit);
        }
        assertEquals(List.of("b"), names(directory));
        try (StagedDirectory staged = StagedDirectory.open(directory, List.of("b"), true)) {
            Files.writeString(staged.file("b"), "new");
            staged.commit();
        }
        assertEquals("new", Files.readString(directory.resolve("b")));
    }

    @Test
    void aNameCannotLeadOutOfTheFolder() {
        try (StagedDirectory staged = StagedDirectory.open(directory.resolve("out"), List.of(), false)) {
            assertThrows(NibbleException.class, () -> staged.file("../x"));
            assertThrows(NibbleException.class, () -> staged.file("/etc/x"));
        }
    }

    @Test
    void aPlaceThatIsNoPlaceIsAnErrorAtOnce() throws IOException {
        Path file = Files.createFile(directory.resolve("file"));
        assertThrows(NibbleException.class, () -> StagedFile.open(file.resolve("below"), false));
        assertThrows(NibbleException.class, () -> StagedDirectory.open(file, List.of(), true));
        assertThrows(NibbleException.class, () -> StagedFile.open(directory, true));
    }

    @Test
    void aFullDiskAndAForbiddenPlaceAreSaidPlainly() {
        Path out = Path.of("out");
        assertEquals(
                "cannot write 'out': the disk is full",
                WriteFailure.explain(out, new FileSystemException("x", null, "No space left on device"))
                        .getMessage());
        assertEquals(
                "cannot write 'out': permission denied",
                WriteFailure.explain(out, new AccessDeniedException("x")).getMessage());
        assertTrue(WriteFailure.explain(out, new IOException()).getMessage().endsWith("IOException"));
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> list = Files.list(folder)) {
            return list.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }
}
