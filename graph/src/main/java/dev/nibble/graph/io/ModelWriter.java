package dev.nibble.graph.io;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/// Writes ONNX models. Weights are streamed from where they lie; a model of more than [#INLINE_LIMIT] bytes,
/// or one
/// that had data files, gets a data file of its own beside it (`model.onnx.data`).
public final class ModelWriter {
    /// Protobuf stops at 2 GiB; this leaves room for the graph itself.
    public static final long INLINE_LIMIT = 1_900_000_000L;

    /// Smaller tensors stay in the model file even when there is a data file.
    private static final long EXTERNAL_FROM = 1024;

    private ModelWriter() {}

    /// Writes `model` to `file`: beside it first, then moved into place, so that a reader never sees half a
    /// model.
    ///
    /// @return the files written, the model first
    /// @throws NibbleException where the folder cannot be written or the disk is full
    public static List<Path> write(Model model, Path file) {
        long weights = 0;
        boolean external = false;
        for (Initializer tensor : model.graph().initializers()) {
            weights += tensor.packedBytes();
            external |= tensor.storage() instanceof Initializer.Storage.External e && e.data() != null;
        }
        boolean split = external || weights > INLINE_LIMIT;
        String dataName = file.getFileName() + ".data";
        ExternalPlan plan = split ? ExternalPlan.of(model.graph(), dataName, EXTERNAL_FROM) : ExternalPlan.none();
        WireWriter wire = new OnnxEncoder(plan).model(model);
        List<Path> written = new ArrayList<>();
        written.add(file);
        if (!plan.places().isEmpty()) {
            Path data = file.resolveSibling(dataName);
            replace(data, channel -> {
                for (ExternalPlan.Place place : plan.places()) {
                    channel.position(place.offset());
                    for (long at = 0; at < place.data().byteSize(); at += 1 << 26) {
                        java.nio.ByteBuffer buffer = place.data()
                                .asSlice(at, Math.min(1 << 26, place.data().byteSize() - at))
                                .asByteBuffer();
                        while (buffer.hasRemaining()) {
                            channel.write(buffer);
                        }
                    }
                }
            });
            written.add(data);
        }
        replace(file, wire::writeTo);
        return written;
    }

    /// The model as one array, its weights inline.
    ///
    /// @throws NibbleException where it takes more than an array holds
    public static byte[] toBytes(Model model) {
        WireWriter wire = new OnnxEncoder(ExternalPlan.none()).model(model);
        if (wire.size() > Integer.MAX_VALUE - 16) {
            throw new NibbleException(
                    "the model takes %d bytes, more than one protobuf message holds".formatted(wire.size()),
                    "write it to a file with its weights beside it");
        }
        return wire.toBytes();
    }

    private interface Content {
        void writeTo(FileChannel channel) throws IOException;
    }

    private static void replace(Path file, Content content) {
        Path absolute = file.toAbsolutePath();
        Path staged = null;
        try {
            staged = absolute.resolveSibling(".%s.%s.part".formatted(file.getFileName(), UUID.randomUUID()));
            try (FileChannel channel =
                    FileChannel.open(staged, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                content.writeTo(channel);
            }
            Files.move(staged, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            NibbleException failure = new NibbleException(
                    "'%s' cannot be written: %s".formatted(file, reason(e)),
                    "check that the folder exists, may be written, and has room",
                    e);
            try {
                if (staged != null) {
                    Files.deleteIfExists(staged);
                }
            } catch (IOException second) {
                failure.addSuppressed(second);
            }
            throw failure;
        }
    }

    private static String reason(IOException e) {
        return switch (e) {
            case java.nio.file.NoSuchFileException missing -> "there is no folder '" + missing.getFile() + "'";
            case java.nio.file.AccessDeniedException denied -> "no permission";
            default -> String.valueOf(e.getMessage());
        };
    }
}
