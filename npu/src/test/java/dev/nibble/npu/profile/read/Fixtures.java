package dev.nibble.npu.profile.read;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Assumptions;

/// Real profiles beside the project, and those made from documentation.
public final class Fixtures {
    static final List<String> FROM_DOCUMENTATION =
            List.of("qnn-detailed.txt", "qnn-viewer.csv", "qnn-profile.json", "snpe-diagview.txt", "loose.txt");

    private Fixtures() {}

    /// A file beside the project; the test is skipped where it is not there.
    public static Path shared(String path) {
        String told = System.getenv("NIBBLE_SHARED");
        Path found = told == null ? null : Path.of(told);
        for (Path at = Path.of("").toAbsolutePath(); found == null && at != null; at = at.getParent()) {
            for (String place : List.of("shared", "../shared", "../../shared")) {
                if (found == null && Files.isDirectory(at.resolve(place).resolve("npu/profiles"))) {
                    found = at.resolve(place).normalize();
                }
            }
        }
        Assumptions.assumeTrue(found != null, "the folder `shared` is not beside the project");
        return Objects.requireNonNull(found).resolve(path);
    }

    static Path profile(String name) {
        return shared("npu/profiles/" + name);
    }

    static byte[] documented(String name) {
        try (InputStream in = Fixtures.class.getResourceAsStream(name)) {
            return Objects.requireNonNull(in, name).readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
