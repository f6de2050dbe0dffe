package dev.nibble.graph.io;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/// A file that is written beside its place and then moved there, so that nobody ever sees half of it. What
/// was not moved is removed again, also when the program is interrupted.
final class StagedFile implements AutoCloseable {
    private final Path file;
    private final Path staged;

    private StagedFile(Path file, Path staged) {
        this.file = file;
        this.staged = staged;
    }

    /// Nothing is written yet.
    static StagedFile beside(Path file) {
        Path name = file.toAbsolutePath().getFileName();
        return new StagedFile(
                file, file.toAbsolutePath().resolveSibling(".%s.%s.part".formatted(name, UUID.randomUUID())));
    }

    /// What goes into the file.
    interface Content {
        void writeTo(FileChannel channel) throws IOException;
    }

    /// @throws NibbleException where the folder cannot be written or the disk is full
    void write(Content content) {
        staged.toFile().deleteOnExit();
        try (FileChannel channel = FileChannel.open(staged, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            content.writeTo(channel);
        } catch (IOException e) {
            throw failure(e);
        }
    }

    /// @throws NibbleException where a folder is in the place
    void moveIntoPlace() {
        try {
            Files.move(staged, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw failure(e);
        }
    }

    @Override
    public void close() {
        try {
            Files.deleteIfExists(staged);
        } catch (IOException e) {
            throw failure(e);
        }
    }

    private NibbleException failure(IOException e) {
        String reason = switch (e) {
            case NoSuchFileException missing -> "its folder does not exist";
            case AccessDeniedException denied -> "no permission";
            default -> String.valueOf(e.getMessage());
        };
        return new NibbleException(
                "'%s' cannot be written: %s".formatted(file, reason),
                "check that the folder exists, may be written, and has room",
                e);
    }
}
