package dev.nibble.npu;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/// The data that lie beside the project.
public final class Shared {
    private Shared() {}

    /// A file or folder of `shared/npu`; the test is skipped where it is absent.
    public static Path npu(String name) {
        String given = System.getenv("NIBBLE_SHARED");
        Path folder = given == null ? Path.of("").toAbsolutePath() : Path.of(given);
        for (Path at = folder; given == null && at != null; at = at.getParent()) {
            if (Files.exists(at.resolve("shared/npu/latency.csv"))) {
                folder = at.resolve("shared");
                break;
            }
        }
        Path path = folder.resolve("npu").resolve(name).normalize();
        Assumptions.assumeTrue(Files.exists(path), "the shared data are not here");
        return path;
    }
}
