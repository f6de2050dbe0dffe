package dev.nibble.graph.io;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The data files beside a model ([external
/// data](https://github.com/onnx/onnx/blob/main/docs/ExternalData.md)), each mapped once. A location may not
/// leave the model's folder.
final class ExternalData {
    private final @Nullable Path folder;
    private final boolean mayBeMissing;
    private final Map<String, MemorySegment> mapped = new HashMap<>();

    /// @param folder where the model lies; null for a model that came from memory
    ExternalData(@Nullable Path folder, boolean mayBeMissing) {
        this.folder = folder;
        this.mayBeMissing = mayBeMissing;
    }

    /// @param expected bytes that the tensor takes, for files that leave the length out; −1 where unknown
    Initializer.Storage resolve(String tensor, Map<String, String> entries, long expected) {
        String location = entries.getOrDefault("location", "");
        long offset = number(tensor, "offset", entries, 0);
        long length = number(tensor, "length", entries, -1);
        if (location.isEmpty()) {
            throw new NibbleException(
                    "tensor '" + tensor + "' stands in another file, but no file is named", "export the model again");
        }
        MemorySegment file = mapped.containsKey(location) ? mapped.get(location) : map(tensor, location);
        if (file == null) {
            return new Initializer.Storage.External(location, offset, length, null);
        }
        long size = length >= 0 ? length : expected >= 0 ? expected : Math.max(0, file.byteSize() - offset);
        if (offset > file.byteSize() || size > file.byteSize() - offset) {
            throw new NibbleException(
                    "tensor '%s' takes %d bytes from byte %d of '%s', which has %d"
                            .formatted(tensor, size, offset, location, file.byteSize()),
                    "the data file is cut short or belongs to another model; copy it again");
        }
        return new Initializer.Storage.External(location, offset, length, file.asSlice(offset, size));
    }

    private @Nullable MemorySegment map(String tensor, String location) {
        Path file = inFolder(tensor, location);
        MemorySegment segment = null;
        if (file != null && Files.isRegularFile(file)) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                segment = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto());
            } catch (IOException e) {
                throw new NibbleException(
                        "tensor '%s': its data file '%s' cannot be read: %s".formatted(tensor, file, e.getMessage()),
                        "check the file's permissions",
                        e);
            }
        } else if (!mayBeMissing) {
            throw new NibbleException(
                    "tensor '%s': its data file '%s' is missing".formatted(tensor, location),
                    folder == null
                            ? "give the model as a file, with its data beside it"
                            : "put the file into '" + folder + "', beside the model");
        }
        mapped.put(location, segment);
        return segment;
    }

    private @Nullable Path inFolder(String tensor, String location) {
        if (folder == null) {
            return null;
        }
        try {
            Path file = folder.resolve(location).normalize();
            boolean inside = !Path.of(location).isAbsolute() && file.startsWith(folder.normalize());
            if (inside && Files.exists(file)) {
                inside = file.toRealPath().startsWith(folder.toRealPath());
            }
            if (!inside) {
                throw new NibbleException(
                        "tensor '%s': its data file '%s' lies outside the model's folder".formatted(tensor, location),
                        "a model may only name files beside it; move the file there and export again");
            }
            return file;
        } catch (InvalidPathException | IOException e) {
            throw new NibbleException(
                    "tensor '%s': its data file has a name that cannot be used: %s".formatted(tensor, e.getMessage()),
                    "export the model again",
                    e);
        }
    }

    private static long number(String tensor, String key, Map<String, String> entries, long otherwise) {
        String text = entries.get(key);
        if (text == null) {
            return otherwise;
        }
        try {
            long value = Long.parseLong(text.strip());
            if (value >= 0) {
                return value;
            }
        } catch (NumberFormatException e) {
            // Falls through to the message below.
        }
        throw new NibbleException(
                "tensor '%s': the %s of its external data is '%s', which is no size".formatted(tensor, key, text),
                "the file is damaged; export it again");
    }
}
