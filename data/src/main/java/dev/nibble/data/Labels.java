package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/// A label for each sample, in the samples' order.
record Labels(long size, LongFunction<Label> at) {
    /// Bytes a file of labels may have.
    static final long LONGEST_FILE = 256L << 20;

    Label get(long index) {
        return at.apply(index);
    }

    static Labels of(List<Label> labels) {
        return new Labels(labels.size(), i -> labels.get((int) i));
    }

    /// Reads `.npy` (whole numbers), `.csv` (a column) or `.txt` (one a line).
    static Labels open(Path path, @Nullable String column, Arena arena) {
        String name = path.toString().toLowerCase(Locale.ROOT);
        if (name.endsWith(".npy")) {
            return of(NpyArray.parse(MappedFile.map(path, arena), "'" + path + "'"), "'" + path + "'");
        }
        if (name.endsWith(".csv")) {
            LabelTable table = LabelTable.parse(MappedFile.read(path, LONGEST_FILE), "'" + path + "'");
            return of(table.labels(column));
        }
        if (name.endsWith(".txt")) {
            return of(text(MappedFile.read(path, LONGEST_FILE), "'" + path + "'")
                    .lines()
                    .map(Label::of)
                    .toList());
        }
        throw new NibbleException(
                "'" + path + "' is no file of labels that Nibble reads", "use .npy, .csv or .txt (one label a line)");
    }

    /// Whole numbers of shape \[N\] or \[N, 1\].
    static Labels of(NpyArray array, String where) {
        if (array.shape().elements() != array.samples()) {
            throw new NibbleException(
                    "%s has shape %s; labels are one number a sample".formatted(where, array.shape()),
                    "store class indices of shape [N], not one-hot rows");
        }
        return new Labels(array.samples(), i -> {
            long value = Elements.whole(array.sample(i), 0, where);
            if (value < 0 || value > Integer.MAX_VALUE) {
                throw new NibbleException(
                        "%s: label %d is %d, which is no class index".formatted(where, i, value),
                        "number the classes from 0");
            }
            return Label.of((int) value);
        });
    }

    /// Decodes UTF-8, with or without a byte order mark.
    static String text(byte[] bytes, String where) {
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            return text.startsWith("\uFEFF") ? text.substring(1) : text;
        } catch (CharacterCodingException e) {
            throw new NibbleException(where + " is no UTF-8 text", "save it again as UTF-8", e);
        }
    }
}
