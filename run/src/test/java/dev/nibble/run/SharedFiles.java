package dev.nibble.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/// The folder of models and data that lies beside the project; tests that need it are skipped where it is absent.
final class SharedFiles {
    private SharedFiles() {}

    static Path path(String path) {
        String told = System.getenv("NIBBLE_SHARED");
        Path found = told == null ? null : Path.of(told);
        for (Path at = Path.of("").toAbsolutePath(); found == null && at != null; at = at.getParent()) {
            if (Files.isDirectory(at.resolve("shared/assets"))) {
                found = at.resolve("shared");
            }
        }
        Assumptions.assumeTrue(found != null, "the folder `shared` is not beside the project");
        Path inside = found.resolve(path);
        Assumptions.assumeTrue(Files.exists(inside), "there is no " + inside);
        return inside;
    }

    static Path model(String name) {
        return path("assets/models/" + name + ".onnx");
    }

    /// The bytes of a .npy file behind its header: C order is taken for granted.
    static MemorySegment npy(String name) {
        try {
            byte[] file = Files.readAllBytes(path("assets/data/" + name + ".npy"));
            int header = file[6] == 1
                    ? 10
                            + Short.toUnsignedInt(ByteBuffer.wrap(file)
                                    .order(ByteOrder.LITTLE_ENDIAN)
                                    .getShort(8))
                    : 12 + ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(8);
            return MemorySegment.ofArray(file).asSlice(header);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
