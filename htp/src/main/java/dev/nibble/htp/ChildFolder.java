package dev.nibble.htp;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;

/// The private folder of a child process: its socket, the model, tensors and logs. Its name tells whose child it is
/// for, so that what a killed process left behind can be found and deleted.
final class ChildFolder {
    private static final String PREFIX = "nibble-htp-";

    private ChildFolder() {}

    /// A new folder that only this user can read, for a child of this process. Folders whose process is gone are deleted
    /// on the way.
    static Path create() throws IOException {
        Path place = Path.of(System.getProperty("java.io.tmpdir"));
        sweep(place);
        return Files.createTempDirectory(place, PREFIX + ProcessHandle.current().pid() + "-");
    }

    /// Deletes the folders in `place` that were made for processes which are gone.
    static void sweep(Path place) {
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(place, PREFIX + "*")) {
            for (Path folder : folders) {
                if (owner(folder).isPresent()
                        && ProcessHandle.of(owner(folder).get()).isEmpty()) {
                    delete(folder);
                }
            }
        } catch (IOException e) {
            // Another user's, or gone meanwhile: nothing that this process needs.
            return;
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
        } catch (IOException | java.io.UncheckedIOException e) {
            if (Files.exists(folder)) {
                folder.toFile().deleteOnExit();
            }
        }
    }
}
