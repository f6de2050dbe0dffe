package dev.nibble.pipeline.output;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/// A file that is written beside its place under a hidden name and appears there whole, or not at all.
///
/// ```java
/// try (StagedFile file = StagedFile.open(out, force)) {
///     ModelWriter.write(model, file.path());
///     file.commit();
/// }
/// ```
///
/// Open it before the long work, so that a place that cannot be written to is an error at once.
public final class StagedFile implements AutoCloseable {
    private final Path target;
    private final Path path;
    private final boolean overwrite;
    private boolean committed;

    private StagedFile(Path target, Path path, boolean overwrite) {
        this.target = target;
        this.path = path;
        this.overwrite = overwrite;
    }

    /// Makes the empty hidden file beside `target`, whose folder is made where it is missing.
    ///
    /// @param overwrite whether an existing file may be replaced (`--force`)
    /// @throws NibbleException when the target exists and may not be replaced, is a folder, or cannot be written
    public static StagedFile open(Path target, boolean overwrite) {
        Path place = target.toAbsolutePath().normalize();
        if (Files.isDirectory(place)) {
            throw new NibbleException("'" + target + "' is a folder", "name the file to write");
        }
        refuseExisting(place, target, overwrite);
        try {
            Path folder = parent(place);
            Files.createDirectories(folder);
            Path path = Files.createTempFile(folder, "." + place.getFileName() + ".", ".partial");
            Unfinished.add(path);
            return new StagedFile(place, path, overwrite);
        } catch (IOException e) {
            throw WriteFailure.explain(target, e);
        }
    }

    /// Writes a text whole, or not at all.
    ///
    /// @param overwrite whether an existing file may be replaced (`--force`)
    /// @throws NibbleException when the target exists and may not be replaced, is a folder, or cannot be written
    public static void write(Path target, boolean overwrite, String text) {
        try (StagedFile file = open(target, overwrite)) {
            Files.writeString(file.path, text);
            file.commit();
        } catch (IOException e) {
            throw WriteFailure.explain(target, e);
        }
    }

    /// Where to write.
    public Path path() {
        return path;
    }

    /// Forces the content to disk and moves it into place.
    ///
    /// @throws NibbleException when that fails, or the target came into being meanwhile
    public void commit() {
        Unfinished.LOCK.lock();
        try {
            refuseExisting(target, target, overwrite);
            forceToDisk(path);
            restoreDefaultPermissions(path);
            moveInto(path, target);
            committed = true;
            Unfinished.remove(path);
        } catch (IOException e) {
            throw WriteFailure.explain(target, e);
        } finally {
            Unfinished.LOCK.unlock();
        }
    }

    /// Deletes what was staged, unless it was committed.
    ///
    /// @throws NibbleException when the hidden file cannot be deleted
    @Override
    public void close() {
        if (committed) {
            return;
        }
        if (!Unfinished.deleteTree(path)) {
            throw new NibbleException("cannot delete the unfinished file '" + path + "'", "delete it by hand");
        }
        Unfinished.remove(path);
    }

    static Path parent(Path absolute) {
        Path parent = absolute.getParent();
        if (parent == null) {
            throw new NibbleException("cannot write '" + absolute + "': it is a root folder", "choose another --out");
        }
        return parent;
    }

    static void refuseExisting(Path place, Path asGiven, boolean overwrite) {
        if (!overwrite && Files.exists(place, LinkOption.NOFOLLOW_LINKS)) {
            throw new NibbleException(
                    "'" + asGiven + "' already exists", "use --force to overwrite it, or another --out");
        }
    }

    static void forceToDisk(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }

    static void moveInto(Path from, Path to) throws IOException {
        Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /// A temporary file is made for its owner's eyes only; a result is a file like any other.
    private static void restoreDefaultPermissions(Path path) throws IOException {
        if (!Files.getFileStore(path).supportsFileAttributeView("posix")) {
            return;
        }
        Path sibling = path.resolveSibling(path.getFileName() + ".mode");
        Files.createFile(sibling);
        try {
            Files.setPosixFilePermissions(path, Files.getPosixFilePermissions(sibling));
        } finally {
            Files.delete(sibling);
        }
    }
}
