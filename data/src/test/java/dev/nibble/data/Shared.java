package dev.nibble.data;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/// The read-only assets that real-data tests use in place.
final class Shared {
    private Shared() {}

    /// A file under `shared/assets/data`; the test is skipped where it is absent.
    static Path data(String name) {
        String told = System.getenv("NIBBLE_SHARED");
        Path shared = told == null ? null : Path.of(told);
        for (Path at = Path.of("").toAbsolutePath(); shared == null && at != null; at = at.getParent()) {
            if (Files.isDirectory(at.resolve("shared/assets"))) {
                shared = at.resolve("shared");
            }
        }
        Path file = shared == null ? null : shared.resolve("assets/data").resolve(name);
        Assumptions.assumeTrue(file != null && Files.exists(file), "shared/assets/data/" + name + " is not here");
        return file;
    }
}
