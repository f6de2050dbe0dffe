package dev.nibble.graph.io;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import java.nio.file.Path;
import java.util.List;

/// Writes ONNX models. Weights are streamed from where they lie; a model of more than [#INLINE_LIMIT] bytes,
/// or one that had data files, gets a data file of its own beside it (`model.onnx.data`).
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
        return write(model, file, model);
    }

    /// Writes `model`, made of `source`, to `file`: with a data file also where `source` had one of which no tensor is
    /// left, since all are quantized.
    ///
    /// @return the files written, the model first
    /// @throws NibbleException where the folder cannot be written or the disk is full
    public static List<Path> write(Model model, Path file, Model source) {
        boolean large = model.graph().weightBytes() > INLINE_LIMIT;
        return write(model, file, hasDataFile(model) || hasDataFile(source) || large);
    }

    /// Writes `model` to `file` and its weights beside it, however few: a runtime that maps a data file parses the weights of
    /// none.
    ///
    /// @return the files written, the model first
    /// @throws NibbleException where the folder cannot be written or the disk is full
    public static List<Path> writeApart(Model model, Path file) {
        return write(model, file, true);
    }

    private static List<Path> write(Model model, Path file, boolean split) {
        String dataName = file.getFileName() + ".data";
        ExternalPlan plan = split ? ExternalPlan.of(model.graph(), dataName, EXTERNAL_FROM) : ExternalPlan.none();
        WireWriter wire = new OnnxEncoder(plan).model(model);
        if (wire.size() > Integer.MAX_VALUE) {
            throw new NibbleException(
                    "'%s' would take %d bytes without its data file, more than one protobuf message holds"
                            .formatted(file, wire.size()),
                    "turn large Constant nodes and tensors of subgraphs into initializers of the main graph");
        }
        // Both are complete before either is moved into place.
        try (StagedFile main = StagedFile.beside(file)) {
            main.write(wire::writeTo);
            if (plan.places().isEmpty()) {
                main.moveIntoPlace();
                return List.of(file);
            }
            Path dataFile = file.resolveSibling(dataName);
            try (StagedFile data = StagedFile.beside(dataFile)) {
                data.write(channel -> {
                    for (ExternalPlan.Place place : plan.places()) {
                        channel.position(place.offset());
                        place.data().writeTo(channel);
                    }
                });
                data.moveIntoPlace();
                main.moveIntoPlace();
                return List.of(file, dataFile);
            }
        }
    }

    private static boolean hasDataFile(Model model) {
        return model.graph().initializers().stream()
                .anyMatch(tensor -> tensor.storage() instanceof Initializer.Storage.External e && e.data() != null);
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
}
