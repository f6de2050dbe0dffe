package dev.nibble.data;

import dev.nibble.graph.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Samples that were chosen, bound to a model's inputs and preprocessed: what calibration and measuring read.
///
/// Sized, indexable, lazy: memory does not grow with the number of samples.
public final class DataSet implements AutoCloseable {
    private DataSet() {}

    /// Opens a `.npy`, `.npz`, a folder or zip of JPEG and PNG, a QNN `input_list.txt`, or a `data.toml`.
    ///
    /// @param inputs the model's inputs that have no initializer, in its order
    /// @throws dev.nibble.graph.NibbleException where the file cannot be read, no sample is left, labels do not match
    ///     in number, or the samples do not fit the inputs
    public static DataSet open(Path path, DataOptions options, List<InputSpec> inputs) {
        throw new UnsupportedOperationException();
    }

    /// Samples from elsewhere, bound as [#open] does. The data set closes them.
    public static DataSet of(Samples samples, DataOptions options, List<InputSpec> inputs) {
        throw new UnsupportedOperationException();
    }

    /// How many samples were chosen.
    public long size() {
        return 0;
    }

    /// The options in force, with what a `data.toml` said.
    public DataOptions options() {
        return DataOptions.NONE;
    }

    public List<InputSpec> inputs() {
        return List.of();
    }

    /// Whether each sample has a label.
    public boolean labelled() {
        return false;
    }

    /// What sample `index` is called: a file name, or `sample 12`, counted as stored.
    public String name(long index) {
        return "";
    }

    public Optional<Label> label(long index) {
        return Optional.empty();
    }

    /// One sample, preprocessed, as a batch of one in memory of its own.
    public Map<String, Tensor> sample(long index) {
        return Map.of();
    }

    /// One sample's array for `input` as stored, for showing it: a picture is UINT8 height×width×3.
    public Tensor stored(long index, String input) {
        throw new UnsupportedOperationException();
    }

    /// All samples in order, `batch` at a time. A batch ends early where the shape changes, and at the end.
    ///
    /// @param batch overruled by a model whose batch is fixed
    public Batches batches(int batch) {
        return new Batches();
    }

    /// As [#batches(int)], with the options' batch, and `doctor` looking at each sample.
    public Batches batches(int batch, Doctor doctor) {
        return new Batches();
    }

    /// What was said on opening: too few samples, files left out.
    public List<Finding> findings() {
        return List.of();
    }

    /// Reads everything once and says what is odd.
    public List<Finding> examine() {
        return List.of();
    }

    @Override
    public void close() {}
}
