package dev.nibble.graph;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/// Memory for tensors that are made once and read later. Large ones lie in files of the temporary folder that have no
/// name any more, so that a [Sweep] can give their pages back: results may be larger than memory, like models.
public final class ScratchMemory {
    /// Tensors from this size on lie in a file.
    private static final long FILE_FROM = 1L << 20;

    /// Room that is left on the disk.
    private static final long RESERVE = 256L << 20;

    private static final long ALIGNMENT = 64;

    private ScratchMemory() {}

    /// `bytes` zeroed bytes that live for as long as something refers to them.
    public static MemorySegment allocate(long bytes) {
        if (bytes >= FILE_FROM) {
            MemorySegment mapped = mapped(bytes);
            if (mapped.byteSize() == bytes) {
                return mapped;
            }
        }
        return Arena.ofAuto().allocate(Math.max(bytes, 1), ALIGNMENT).asSlice(0, bytes);
    }

    /// A mapping of a file; of no bytes where the temporary folder has no room or may not be written. The file's blocks
    /// are taken when pages are written, so room is asked for before.
    private static MemorySegment mapped(long bytes) {
        Path file = null;
        try {
            file = Files.createTempFile("nibble-scratch", ".bin");
            if (Files.getFileStore(file).getUsableSpace() - RESERVE < bytes) {
                return MemorySegment.NULL;
            }
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                return channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, Arena.ofAuto());
            }
        } catch (IOException | UnsupportedOperationException e) {
            // Ordinary memory does as well, as long as there is enough of it.
            return MemorySegment.NULL;
        } finally {
            delete(file);
        }
    }

    /// The mapping keeps the content; where the system does not allow deleting a mapped file, it goes with the process.
    private static void delete(@Nullable Path file) {
        if (file == null) {
            return;
        }
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            file.toFile().deleteOnExit();
        }
    }
}
