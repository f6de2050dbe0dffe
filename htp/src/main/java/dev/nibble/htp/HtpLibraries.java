package dev.nibble.htp;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// Qualcomm's libraries as the wheel `onnxruntime-qnn` holds them, in a folder of the user's.
///
/// @param root the folder that holds `onnxruntime_qnn` and `onnxruntime_qnn.libs`
public record HtpLibraries(Path root) {
    private static final String INFO = "onnxruntime_qnn-";

    public HtpLibraries {
        root = root.toAbsolutePath().normalize();
    }

    /// Where they are looked for: in the folder that `NIBBLE_HTP` names, else below the user's data.
    ///
    /// @param environment the environment's variables
    public static HtpLibraries of(Map<String, String> environment) {
        String named = environment.getOrDefault("NIBBLE_HTP", "");
        if (!named.isEmpty()) {
            return new HtpLibraries(Path.of(named));
        }
        String data = environment.getOrDefault("XDG_DATA_HOME", "");
        Path home = Path.of(environment.getOrDefault("HOME", System.getProperty("user.home")));
        Path base = data.isEmpty() ? home.resolve(".local/share") : Path.of(data);
        return new HtpLibraries(base.resolve("nibble/htp"));
    }

    /// ONNX Runtime's plugin.
    public Path plugin() {
        return root.resolve("onnxruntime_qnn/libonnxruntime_providers_qnn.so");
    }

    /// The compiler and emulator.
    public Path backend() {
        return root.resolve("onnxruntime_qnn/libQnnHtp.so");
    }

    /// What Qualcomm asks of those who use the libraries.
    public Path licence() {
        return root.resolve("onnxruntime_qnn/Qualcomm_LICENSE.pdf");
    }

    /// The files that are needed and not there, or not whole, relative to the root; empty where all are.
    public List<String> missing() {
        List<String> missing = new ArrayList<>();
        for (Path file : List.of(plugin(), backend(), root.resolve("onnxruntime_qnn/libQnnSystem.so"))) {
            if (!Files.isRegularFile(file)) {
                missing.add(root.relativize(file).toString());
            }
        }
        // Without its C++ runtime beside it, the plugin does not load.
        if (!Files.isDirectory(root.resolve("onnxruntime_qnn.libs"))) {
            missing.add("onnxruntime_qnn.libs");
        }
        try {
            for (String file : record().damaged(root, false)) {
                missing.add(file + " (its size is another than it should be)");
            }
        } catch (IOException e) {
            missing.add("RECORD (" + e.getMessage() + ")");
        }
        return missing;
    }

    /// What the wheel says of its files; nothing where it says nothing.
    WheelRecord record() throws IOException {
        Path file = root.resolve(INFO + version() + ".dist-info/RECORD");
        return Files.isRegularFile(file) ? WheelRecord.read(file) : new WheelRecord(Map.of());
    }

    public boolean found() {
        return missing().isEmpty();
    }

    /// The wheel's version, as its metadata says; empty where there is none.
    public String version() {
        if (!Files.isDirectory(root)) {
            return "";
        }
        try (DirectoryStream<Path> folders = Files.newDirectoryStream(root, INFO + "*.dist-info")) {
            for (Path folder : folders) {
                String name = folder.getFileName().toString();
                return name.substring(INFO.length(), name.length() - ".dist-info".length());
            }
            return "";
        } catch (IOException e) {
            return "";
        }
    }

    /// These, where they are complete.
    ///
    /// @throws NibbleException where they are not; the hint says how to get them
    public HtpLibraries require() {
        List<String> missing = missing();
        if (!missing.isEmpty()) {
            boolean none = !Files.exists(root.resolve("onnxruntime_qnn"));
            throw new NibbleException(
                    none
                            ? "this needs Qualcomm's libraries, and they are not in '%s'".formatted(root)
                            : "Qualcomm's libraries in '%s' are not complete: %s"
                                    .formatted(root, String.join(", ", missing)),
                    none
                            ? "nibble htp install --accept-license gets them from PyPI under Qualcomm's licence"
                            : "nibble htp install --accept-license --force gets them anew");
        }
        return this;
    }
}
