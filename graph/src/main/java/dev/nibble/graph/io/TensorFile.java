package dev.nibble.graph.io;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Reads single tensors as ONNX's test data stores them (`TensorProto` in a `.pb` file).
public final class TensorFile {
    private TensorFile() {}

    /// The tensor in `file`, which is mapped.
    ///
    /// @throws NibbleException where the file cannot be read or holds no tensor
    public static Initializer read(Path file) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return read(
                    channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto()), "'" + file + "'");
        } catch (IOException | UnsupportedOperationException e) {
            throw new NibbleException(
                    "'%s' cannot be read: %s".formatted(file, e.getMessage()), "check the file and its permissions", e);
        }
    }

    /// The tensor in `data`.
    ///
    /// @param name how messages call it
    public static Initializer read(MemorySegment data, String name) {
        try {
            return new TensorDecoder(new ExternalData(null, false)).tensor(new WireReader(data.asReadOnly()));
        } catch (WireReader.WireException e) {
            throw new NibbleException(
                    "%s is no ONNX tensor, or is damaged: %s".formatted(name, e.getMessage()),
                    "name a file that holds a single TensorProto",
                    e);
        } catch (NibbleException e) {
            throw new NibbleException(name + ": " + e.getMessage(), e.hint(), e);
        }
    }
}
