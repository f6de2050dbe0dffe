package dev.nibble.pipeline;

import dev.nibble.graph.NibbleException;
import dev.nibble.report.FileRecord;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/// SHA-256 of files, read in a stream.
public final class FileDigest {
    private FileDigest() {}

    /// 64 hexadecimal digits.
    ///
    /// @throws NibbleException where the file cannot be read
    public static String sha256(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] buffer = new byte[1 << 16];
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                digest.update(buffer, 0, read);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be read: %s".formatted(file, e.getMessage()), "check the file's permissions", e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JVM has SHA-256", e);
        }
    }

    /// The hash of a file, or of a folder's files with their names.
    ///
    /// @throws NibbleException where one cannot be read
    static String ofAll(Path path) {
        if (!Files.isDirectory(path)) {
            return sha256(path);
        }
        try (Stream<Path> walk = Files.walk(path)) {
            List<Path> files = walk.filter(Files::isRegularFile).sorted().toList();
            StringBuilder all = new StringBuilder();
            for (Path file : files) {
                all.append(path.relativize(file))
                        .append(' ')
                        .append(sha256(file))
                        .append('\n');
            }
            return all.toString();
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be read: %s".formatted(path, e.getMessage()), "check the folder's permissions", e);
        }
    }

    /// A file as results list it.
    ///
    /// @param name its path in the result's folder
    public static FileRecord record(Path file, String name) {
        try {
            return new FileRecord(name, sha256(file), Files.size(file));
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be read: %s".formatted(file, e.getMessage()), "check the file's permissions", e);
        }
    }
}
