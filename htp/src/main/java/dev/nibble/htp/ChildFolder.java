package dev.nibble.htp;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;

/// The private folder of a child process: its socket, the model, tensors and logs. Its name tells whose child it is
/// for, and a locked file in it that this parent lives, so that what a killed process left behind can be found and
/// deleted, and nothing else is: another container's process has a number that says nothing here.
///
/// @param lock held on the file [#OWNER] as long as the folder is in use
record ChildFolder(Path path, FileChannel lock) {
    /// The file that the parent keeps locked.
    static final String OWNER = "owner";

    private static final String PREFIX = "nibble-htp-";

    /// More than it takes to lock the file after the folder was made.
    private static final Duration BEGINNING = Duration.ofMinutes(1);

    /// A new folder that only this user can read, for a child of this process. Folders whose process is gone are deleted
    /// on the way.
    static ChildFolder create() throws IOException {
        Path place = Path.of(System.getProperty("java.io.tmpdir"));
        sweep(place);
        Path path = Files.createTempDirectory(
                place, PREFIX + ProcessHandle.current().pid() + "-");
        FileChannel lock =
                FileChannel.open(path.resolve(OWNER), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        if (lock.tryLock() == null) {
            lock.close();
            throw new IOException("the file '%s' cannot be locked".formatted(path.resolve(OWNER)));
        }
        return new ChildFolder(path, lock);
    }

    /// Deletes it, after which it belongs to nobody.
    void delete() {
        delete(path);
        try {
            lock.close();
        } catch (IOException e) {
            // The lock goes with the process at the latest, and what it guarded is gone.
            return;
        }
    }

    /// Deletes the folders in `place` that were made for processes which are gone.
    static void sweep(Path place) {
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(place, PREFIX + "*")) {
            for (Path folder : folders) {
                if (isLeft(folder)) {
                    delete(folder);
                }
            }
        } catch (IOException e) {
            // Another user's, or gone meanwhile: nothing that this process needs.
            return;
        }
    }

    private static boolean isLeft(Path folder) throws IOException {
        Optional<Long> owner = owner(folder);
        if (owner.isEmpty() || ProcessHandle.of(owner.get()).isPresent()) {
            return false;
        }
        Path file = folder.resolve(OWNER);
        if (!Files.isRegularFile(file)) {
            return Files.getLastModifiedTime(folder)
                    .toInstant()
                    .isBefore(Instant.now().minus(BEGINNING));
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            return lock != null;
        } catch (OverlappingFileLockException e) {
            return false;
        }
    }

    private static Optional<Long> owner(Path folder) {
        String[] parts =
                folder.getFileName().toString().substring(PREFIX.length()).split("-", 2);
        return parts.length == 2 && parts[0].matches("\\d{1,18}")
                ? Optional.of(Long.parseLong(parts[0]))
                : Optional.empty();
    }

    /// Deletes `folder` with all that is in it; what cannot be deleted now is, at the end of the process.
    static void delete(Path folder) {
        try (Stream<Path> tree = Files.walk(folder)) {
            for (Path path : tree.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException | UncheckedIOException e) {
            if (Files.exists(folder)) {
                folder.toFile().deleteOnExit();
            }
        }
    }
}
