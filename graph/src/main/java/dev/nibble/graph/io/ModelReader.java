package dev.nibble.graph.io;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/// Reads ONNX models. The file is mapped and weights are left where they lie, so reading costs time and
/// memory with the number of nodes, not of weights. The mapping goes when nothing refers to the model any
/// more.
public final class ModelReader {
    /// What to do about data files that are named but not there.
    public enum Weights {
        /// A missing data file is an error.
        REQUIRED,
        /// A missing data file leaves its tensors without data.
        MAY_BE_MISSING
    }

    private ModelReader() {}

    /// Reads the model in `file`, whose weights must be there (or stripped altogether).
    ///
    /// @throws NibbleException where the file cannot be read, is not an ONNX model, or lacks a data file
    public static Model read(Path file) {
        return read(file, Weights.REQUIRED);
    }

    /// As [#read(Path)].
    public static Model read(Path file, Weights weights) {
        if (Files.isDirectory(file)) {
            throw new NibbleException("'" + file + "' is a directory, not a model", "name the .onnx file inside it");
        }
        if (!Files.exists(file)) {
            throw new NibbleException("there is no file '" + file + "'", "check the path");
        }
        if (!Files.isRegularFile(file)) {
            throw new NibbleException("'" + file + "' is no regular file", "save the model to a file first");
        }
        MemorySegment data;
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            data = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto());
        } catch (IOException | UnsupportedOperationException e) {
            throw new NibbleException(
                    "'%s' cannot be read: %s".formatted(file, e.getMessage()), "check the file and its permissions", e);
        }
        Path folder = file.toAbsolutePath().getParent();
        return decode(data, "'" + file + "'", new ExternalData(folder, weights == Weights.MAY_BE_MISSING));
    }

    /// Reads a model from memory.
    ///
    /// @param name how messages call it
    /// @param folder where its data files lie; null where there can be none
    public static Model read(MemorySegment data, String name, @Nullable Path folder) {
        return decode(data.asReadOnly(), name, new ExternalData(folder, false));
    }

    private static Model decode(MemorySegment data, String name, ExternalData external) {
        if (data.byteSize() == 0) {
            throw new NibbleException(name + " is empty", "copy or export the model again");
        }
        try {
            return new OnnxDecoder(external).model(new WireReader(data));
        } catch (WireReader.WireException e) {
            throw new NibbleException(
                    "%s is not an ONNX model, or is damaged: %s".formatted(name, e.getMessage()),
                    "copy or export the model again; Nibble reads .onnx files",
                    e);
        } catch (NibbleException e) {
            throw new NibbleException(name + ": " + e.getMessage(), e.hint(), e);
        }
    }
}
