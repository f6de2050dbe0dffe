package dev.nibble.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;

/// What this build is, from the properties that Maven wrote into it.
///
/// @param nibble the version of Nibble
/// @param revision the Git commit it was built from, or empty where that is not known
/// @param onnxRuntime the version of ONNX Runtime it was built with
public record Version(String nibble, String revision, String onnxRuntime) {

    /// Of the running build.
    public static Version current() {
        Properties properties = new Properties();
        try (InputStream in = Version.class.getResourceAsStream("build.properties")) {
            if (in == null) {
                throw new IllegalStateException("the build has no build.properties");
            }
            properties.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new Version(
                properties.getProperty("version", ""),
                properties.getProperty("revision", ""),
                properties.getProperty("onnxruntime", ""));
    }

    /// `0.1.0 (1a2b3c4)`.
    public String full() {
        return revision.isEmpty() ? nibble : nibble + " (" + revision + ")";
    }

    /// What `nibble --version` prints.
    String text() {
        String vendor = System.getProperty("java.vendor", "?");
        return "nibble " + full() + "\nJava " + Runtime.version() + " (" + vendor + ")\nONNX Runtime " + onnxRuntime;
    }
}
