package dev.nibble.data;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Tensor;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

/// Stored samples, as they lie in a file or are made up: nothing is chosen, converted or normalized yet. A [DataSet]
/// does that.
///
/// Reading is lazy and may be done by several threads at once.
public interface Samples extends AutoCloseable {
    /// The arrays that make up a sample.
    List<Field> fields();

    /// How many samples there are.
    long size();

    /// What sample `index` is called where it is talked about: a file name, or `sample 12`.
    default String name(long index) {
        return "sample " + index;
    }

    /// The stored values of one array of one sample. Its memory lives until [#close].
    ///
    /// @param field an index into [#fields]
    /// @throws dev.nibble.graph.NibbleException where the sample cannot be read
    Tensor read(long index, int field);

    /// What sample `index` should come out as, where that is known.
    default Optional<Label> label(long index) {
        return Optional.empty();
    }

    /// How many labels there are; −1 where there are none. Must be [#size] for them to be used.
    default long labels() {
        return -1;
    }

    /// How many tokens of sample `index` count, where it is a text; padding does not.
    default OptionalInt tokens(long index) {
        return OptionalInt.empty();
    }

    /// Whether sample `index` is a text that goes on behind its last token.
    default boolean cut(long index) {
        return false;
    }

    /// The token ids of sample `index` that count, where it is a text.
    default Optional<long[]> tokenIds(long index) {
        return Optional.empty();
    }

    /// Sample `index` as text, where it is one.
    default Optional<String> text(long index) {
        return Optional.empty();
    }

    /// The text that token ids stand for, where there is a tokenizer.
    default Optional<String> textOf(long[] ids) {
        return Optional.empty();
    }

    /// Whether samples 2k and 2k+1 belong together: two texts that are to be compared.
    default boolean paired() {
        return false;
    }

    /// What was left out on opening, and anything else worth saying.
    default List<Finding> findings() {
        return List.of();
    }

    @Override
    default void close() {}

    /// An array of each sample.
    ///
    /// @param name the model's input it is meant for; empty where the format names none
    /// @param dims without a batch dimension; −1 where it differs between samples
    /// @param picture whether the layout is certainly height, width, channels with red, green, blue
    record Field(String name, DataType type, long[] dims, boolean picture) {
        public Field {
            Objects.requireNonNull(name);
            dims = dims.clone();
        }

        @Override
        public long[] dims() {
            return dims.clone();
        }
    }
}
