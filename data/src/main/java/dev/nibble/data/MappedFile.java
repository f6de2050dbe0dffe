package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Files looked at in place.
final class MappedFile {
    private MappedFile() {}

    /// The file's bytes, mapped for as long as `arena` lives.
    static MemorySegment map(Path path, Arena arena) {
        if (Files.isDirectory(path)) {
            throw new NibbleException("'" + path + "' is a folder where a file is needed", "name a file inside it");
        }
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long size = channel.size();
            return size == 0 ? MemorySegment.NULL : channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena);
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    /// The bytes of a small file.
    ///
    /// @param limit bytes it may have
    static byte[] read(Path path, long limit) {
        try {
            long size = Files.size(path);
            if (size > limit) {
                throw new NibbleException(
                        "'%s' has %d bytes, more than the %d a file of this kind may have".formatted(path, size, limit),
                        "check that it is the file you mean");
            }
            return Files.readAllBytes(path);
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    static NibbleException unreadable(Path path, IOException e) {
        return e instanceof NoSuchFileException
                ? new NibbleException("'" + path + "' does not exist", "check the path", e)
                : new NibbleException(
                        "'%s' cannot be read: %s".formatted(path, e.getMessage()),
                        "check that it is a readable file",
                        e);
    }
}
