package dev.nibble.quant;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/// The shared data beside the project.
public final class Shared {
    private Shared() {}

    /// The file or folder `name` of the shared data; the test is skipped where it is not there.
    public static Path path(String name) {
        String configured = System.getenv("NIBBLE_SHARED");
        if (configured != null && Files.exists(Path.of(configured, name))) {
            return Path.of(configured, name);
        }
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            Path found = at.resolveSibling("shared").resolve(name);
            if (at.getParent() != null && Files.exists(found)) {
                return found;
            }
        }
        return Assumptions.abort("the shared data has no " + name + " here");
    }
}
