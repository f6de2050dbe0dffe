package dev.nibble.pipeline.output;

import dev.nibble.graph.NibbleException;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What finished stages of the work left behind, each under the hash of everything that it follows from: a run that is
/// killed goes on where it stopped, and runs that begin the same share what they begin with. A stage is there whole, or
/// not at all; one whose content does not match its checksum counts as not there.
public final class RunDirectory {
    /// Keeps nothing.
    public static final RunDirectory NONE = new RunDirectory(null, "");

    private static final int CHECKSUM = 32;

    private final @Nullable Path folder;
    private final String base;
    private final List<String> reused = new ArrayList<>();

    /// A stage, and the hash of what it follows from.
    public record Key(String stage, String hash) {
        Path in(Path folder) {
            return folder.resolve(stage + "-" + hash.substring(0, 24));
        }
    }

    /// Writes or reads a stage's content.
    @FunctionalInterface
    public interface Content {
        void write(DataOutputStream out) throws IOException;
    }

    /// Makes something of a stage's content.
    @FunctionalInterface
    public interface Reader<T> {
        T read(DataInputStream in) throws IOException;
    }

    private RunDirectory(@Nullable Path folder, String base) {
        this.folder = folder;
        this.base = base;
    }

    /// The run directory at `folder`, which is made where it is missing.
    ///
    /// @param base what all stages follow from: versions, model, samples
    /// @throws NibbleException where the folder cannot be made
    public static RunDirectory open(Path folder, String base) {
        if (Files.exists(folder) && !Files.isDirectory(folder)) {
            throw new NibbleException("'" + folder + "' is no folder", "name a folder for --run-dir");
        }
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw WriteFailure.explain(folder, e);
        }
        return new RunDirectory(folder, base);
    }

    /// Whether anything is kept.
    public boolean keeps() {
        return folder != null;
    }

    /// The key of a stage.
    ///
    /// @param parts everything that it follows from beside the base: memory, or values whose texts tell all that matters
    public Key key(String stage, Object... parts) {
        MessageDigest digest = sha256();
        digest.update(base.getBytes(StandardCharsets.UTF_8));
        for (Object part : parts) {
            if (part instanceof MemorySegment bytes) {
                digest.update(bytes.asByteBuffer());
                continue;
            }
            byte[] text = part.toString().getBytes(StandardCharsets.UTF_8);
            digest.update((text.length + ":").getBytes(StandardCharsets.UTF_8));
            digest.update(text);
        }
        return new Key(stage, HexFormat.of().formatHex(digest.digest()));
    }

    /// What is kept under `key`; empty where that is nothing, or not whole.
    ///
    /// @param said how the report calls it
    public <T> Optional<T> read(Key key, String said, Reader<T> reader) {
        if (folder == null || !Files.exists(key.in(folder))) {
            return Optional.empty();
        }
        try {
            byte[] all = Files.readAllBytes(key.in(folder));
            int length = all.length - CHECKSUM;
            MessageDigest digest = sha256();
            if (length < 0) {
                return Optional.empty();
            }
            digest.update(all, 0, length);
            if (!Arrays.equals(digest.digest(), Arrays.copyOfRange(all, length, all.length))) {
                return Optional.empty();
            }
            T value = reader.read(new DataInputStream(new ByteArrayInputStream(all, 0, length)));
            reused.add(said);
            return Optional.of(value);
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be read: %s".formatted(key.in(folder), e.getMessage()),
                    "delete the run directory, or leave --run-dir out",
                    e);
        }
    }

    /// Keeps a finished stage.
    public void write(Key key, Content content) {
        if (folder == null) {
            return;
        }
        try (StagedFile file = StagedFile.open(key.in(folder), true)) {
            MessageDigest digest = sha256();
            try (BufferedOutputStream raw = new BufferedOutputStream(Files.newOutputStream(file.path()))) {
                DataOutputStream out = new DataOutputStream(new DigestOutputStream(raw, digest));
                content.write(out);
                out.flush();
                raw.write(digest.digest());
            }
            file.commit();
        } catch (IOException e) {
            throw WriteFailure.explain(key.in(folder), e);
        }
    }

    /// What was taken from here, in order.
    public List<String> reused() {
        return List.copyOf(reused);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JVM has SHA-256", e);
        }
    }
}
