package dev.nibble.graph;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.Assumptions;

/// The folder of models and conformance cases that lies beside the project; tests that need it are skipped
/// where it is absent.
public final class SharedData {
    private SharedData() {}

    /// The file or folder `path` inside the shared folder.
    public static Path path(String path) {
        String told = System.getenv("NIBBLE_SHARED");
        Path found = told == null ? null : Path.of(told);
        for (Path at = Path.of("").toAbsolutePath(); found == null && at != null; at = at.getParent()) {
            if (Files.isDirectory(at.resolve("shared/conformance"))) {
                found = at.resolve("shared");
            }
        }
        Assumptions.assumeTrue(found != null, "the folder `shared` is not beside the project");
        Path inside = found.resolve(path);
        Assumptions.assumeTrue(Files.exists(inside), "there is no " + inside);
        return inside;
    }

    /// Every `model.onnx` of ONNX's backend tests, by its folder in the archive.
    public static Map<String, byte[]> backendModels() {
        Map<String, byte[]> models = new TreeMap<>();
        try (InputStream file = Files.newInputStream(path("conformance/onnx_backend.zip"));
                ZipInputStream zip = new ZipInputStream(file)) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                if (entry.getName().endsWith(".onnx")) {
                    models.put(entry.getName().replace("/model.onnx", ""), zip.readAllBytes());
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return models;
    }

    /// Every .onnx file under `path`.
    public static Map<String, Path> models(String path) {
        Map<String, Path> models = new TreeMap<>();
        try (Stream<Path> files = Files.walk(path(path))) {
            files.filter(f -> f.toString().endsWith(".onnx"))
                    .forEach(f -> models.put(f.getFileName().toString(), f));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return models;
    }
}
