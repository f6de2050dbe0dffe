package dev.nibble.pipeline.output;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;

/// The staged files and folders of this process that are not in their place yet, to be deleted when it is interrupted.
///
/// Moving results into place holds the same lock as deleting them, so an interruption finds either all or nothing done.
public final class Unfinished {
    /// How often a folder is emptied again because the interrupted work was still writing to it.
    private static final int ATTEMPTS = 5;

    private static final Set<Path> PATHS = new LinkedHashSet<>();
    static final ReentrantLock LOCK = new ReentrantLock();

    private Unfinished() {}

    static void add(Path path) {
        LOCK.lock();
        try {
            PATHS.add(path);
        } finally {
            LOCK.unlock();
        }
    }

    static void remove(Path path) {
        LOCK.lock();
        try {
            PATHS.remove(path);
        } finally {
            LOCK.unlock();
        }
    }

    /// Deletes everything that is staged, and lets nothing be moved into place any more. For the moment of
    /// interruption: the process ends after it.
    ///
    /// @return what could not be deleted
    @SuppressWarnings("LockNotBeforeTry") // never released: the process is ending, and a late commit must wait for ever
    public static List<Path> deleteForGood() {
        LOCK.lock();
        List<Path> failed = PATHS.stream().filter(path -> !deleteTree(path)).toList();
        PATHS.clear();
        return failed;
    }

    /// Deletes `path` and what lies under it. Symbolic links are deleted, not followed.
    ///
    /// @return whether it is gone
    static boolean deleteTree(Path path) {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            try (Stream<Path> tree = Files.walk(path)) {
                for (Path entry : tree.sorted(Comparator.reverseOrder()).toList()) {
                    Files.deleteIfExists(entry);
                }
                return true;
            } catch (NoSuchFileException e) {
                return true;
            } catch (IOException | UncheckedIOException e) {
                // Somebody still writes to it: try again, and say so by the result if that does not help.
                Thread.onSpinWait();
            }
        }
        return !Files.exists(path, LinkOption.NOFOLLOW_LINKS);
    }
}
