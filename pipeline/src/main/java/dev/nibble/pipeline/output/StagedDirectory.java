package dev.nibble.pipeline.output;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/// A folder of results that are written to a hidden folder first and all appear at the end, or none.
///
/// ```java
/// try (StagedDirectory out = StagedDirectory.open(directory, List.of("report.json", "report.html"), force)) {
///     Files.writeString(out.file("report.json"), json);
///     Files.writeString(out.file("report.html"), html);
///     out.commit();
/// }
/// ```
///
/// A folder that exists keeps its other files. Open it before the long work, so that a name that is taken, or
/// a place that cannot be written to, is an error at once.
///
/// The hidden folder holds a file that its process keeps locked. What a killed process left behind is known by the lock
/// that is gone, and the next one that is opened for the same target deletes it.
public final class StagedDirectory implements AutoCloseable {
    private static final String LOCK = ".lock";

    private final Path target;
    private final Path staging;
    private final FileChannel lock;
    private final boolean overwrite;
    private boolean committed;

    private StagedDirectory(Path target, Path staging, FileChannel lock, boolean overwrite) {
        this.target = target;
        this.staging = staging;
        this.lock = lock;
        this.overwrite = overwrite;
    }

    /// Makes the hidden folder: inside `target` where that exists, else beside it.
    ///
    /// @param files the names of the files that will be written, to refuse those that exist now rather than at the end
    /// @param overwrite whether existing files may be replaced (`--force`)
    /// @throws NibbleException when one of `files` exists and may not be replaced, or the place cannot be written
    public static StagedDirectory open(Path target, List<String> files, boolean overwrite) {
        Path place = target.toAbsolutePath().normalize();
        if (Files.exists(place) && !Files.isDirectory(place)) {
            throw new NibbleException("'" + target + "' is a file, not a folder", "choose another --out");
        }
        for (String file : files) {
            StagedFile.refuseExisting(place.resolve(file), target.resolve(file), overwrite);
        }
        try {
            Path folder = Files.isDirectory(place) ? place : StagedFile.parent(place);
            Files.createDirectories(folder);
            deleteAbandoned(place, StagedFile.parent(place));
            deleteAbandoned(place, folder);
            Path staging = Files.createTempDirectory(folder, prefix(place));
            Unfinished.add(staging);
            return new StagedDirectory(place, staging, locked(staging), overwrite);
        } catch (IOException e) {
            throw WriteFailure.explain(target, e);
        }
    }

    private static String prefix(Path place) {
        return "." + place.getFileName() + ".";
    }

    /// Closed with the folder; the lock goes with the channel, and with the process.
    @SuppressWarnings("MustBeClosedChecker")
    private static FileChannel locked(Path staging) throws IOException {
        FileChannel channel =
                FileChannel.open(staging.resolve(LOCK), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        try {
            channel.tryLock();
            return channel;
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    /// Deletes the hidden folders for `place` in `folder` whose process is gone. One that cannot be deleted stays.
    private static void deleteAbandoned(Path place, Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return;
        }
        List<Path> hidden;
        try (Stream<Path> entries = Files.list(folder)) {
            hidden = entries.filter(entry -> entry.getFileName().toString().startsWith(prefix(place)))
                    .filter(entry -> Files.isRegularFile(entry.resolve(LOCK), LinkOption.NOFOLLOW_LINKS))
                    .toList();
        }
        for (Path entry : hidden) {
            if (isAbandoned(entry)) {
                Unfinished.deleteTree(entry);
            }
        }
    }

    private static boolean isAbandoned(Path staging) {
        try (FileChannel channel = FileChannel.open(staging.resolve(LOCK), StandardOpenOption.WRITE);
                FileLock free = channel.tryLock()) {
            return free != null;
        } catch (OverlappingFileLockException e) {
            return false; // this process holds it
        } catch (IOException e) {
            return false; // not ours to judge: another user's, or just gone
        }
    }

    /// Where to write the file that will be called `name`; a `/` in it makes folders.
    ///
    /// @throws NibbleException when the name leads out of the folder, or its folder cannot be made
    public Path file(String name) {
        Path file = staging.resolve(name).normalize();
        if (!file.startsWith(staging) || file.equals(staging)) {
            throw new NibbleException("'" + name + "' is no file name inside '" + target + "'", "choose another name");
        }
        try {
            Files.createDirectories(StagedFile.parent(file));
        } catch (IOException e) {
            throw WriteFailure.explain(target.resolve(name), e);
        }
        return file;
    }

    /// The final place of the file called `name`.
    public Path place(String name) {
        return target.resolve(name);
    }

    /// Forces every file to disk and moves all of them into place.
    ///
    /// @throws NibbleException when that fails; a name that is taken is found before the first file moves
    public void commit() {
        Unfinished.LOCK.lock();
        try {
            List<Path> files = files();
            for (Path file : files) {
                StagedFile.refuseExisting(placeOf(file), placeOf(file), overwrite);
                StagedFile.forceToDisk(file);
            }
            for (Path file : files) {
                Path place = placeOf(file);
                Files.createDirectories(StagedFile.parent(place));
                StagedFile.moveInto(file, place);
            }
            Files.createDirectories(target);
            committed = true;
            deleteStaging();
        } catch (IOException e) {
            throw WriteFailure.explain(target, e);
        } finally {
            Unfinished.LOCK.unlock();
        }
    }

    /// Deletes what was staged, unless it was committed.
    ///
    /// @throws NibbleException when the hidden folder cannot be deleted
    @Override
    public void close() {
        if (!committed) {
            deleteStaging();
        }
    }

    private void deleteStaging() {
        try {
            lock.close();
        } catch (IOException e) {
            throw WriteFailure.explain(target, e);
        }
        if (!Unfinished.deleteTree(staging)) {
            throw new NibbleException("cannot delete the unfinished folder '" + staging + "'", "delete it by hand");
        }
        Unfinished.remove(staging);
    }

    private Path placeOf(Path staged) {
        return target.resolve(staging.relativize(staged));
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> tree = Files.walk(staging)) {
            return tree.filter(path -> !Files.isDirectory(path) && !path.equals(staging.resolve(LOCK)))
                    .sorted()
                    .toList();
        }
    }
}
