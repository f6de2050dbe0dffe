package dev.nibble.data;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// QNN's `input_list.txt`: a line a sample, a file an input, `name:=path` or, without names, in the inputs' order.
/// Lines that start with `#` or `%` name outputs and are passed over.
///
/// A file is raw little-endian numbers in the input's shape with a batch of one: float32, as `qnn-net-run` reads them,
/// or the input's own type where the file's length says so. Paths are relative to the list, else to the working
/// folder.
///
/// @param lines a path an input
record InputListSamples(List<InputSpec> inputs, List<Field> fields, List<List<Path>> lines) implements Samples {
    private static final long LONGEST_LIST = 256L << 20;

    static InputListSamples open(Path list, List<InputSpec> inputs, @Nullable Layout layout) {
        String where = "'" + list + "'";
        List<List<Path>> lines = new ArrayList<>();
        int number = 0;
        for (String line :
                Labels.text(MappedFile.read(list, LONGEST_LIST), where).split("\\R", -1)) {
            number++;
            String content = line.strip();
            if (!content.isEmpty() && !content.startsWith("#") && !content.startsWith("%")) {
                lines.add(paths(content, inputs, list, "%s, line %d".formatted(where, number)));
            }
        }
        List<Field> fields = new ArrayList<>();
        for (InputSpec input : inputs) {
            fields.add(new Field(input.name(), DataType.FLOAT, storedDims(input, layout), false));
        }
        return new InputListSamples(List.copyOf(inputs), List.copyOf(fields), lines);
    }

    private static List<Path> paths(String line, List<InputSpec> inputs, Path list, String where) {
        String[] words = line.split("\\s+");
        if (words.length != inputs.size()) {
            throw new NibbleException(
                    "%s names %d files, but the model has %d inputs".formatted(where, words.length, inputs.size()),
                    "write name:=path for each input, separated by spaces; paths hold no spaces");
        }
        @Nullable Path[] paths = new Path[inputs.size()];
        for (int i = 0; i < words.length; i++) {
            int mark = words[i].indexOf(":=");
            int at = i;
            if (mark >= 0) {
                String name = words[i].substring(0, mark);
                List<String> names = inputs.stream().map(InputSpec::name).toList();
                at = names.indexOf(name);
                if (at < 0) {
                    throw new NibbleException(
                            "%s names an input '%s', which the model does not have".formatted(where, name),
                            Suggestion.of(name, names) + "its inputs are " + String.join(", ", names));
                }
            }
            if (paths[at] != null) {
                throw new NibbleException(
                        "%s gives the input '%s' twice"
                                .formatted(where, inputs.get(at).name()),
                        "name each input once");
            }
            paths[at] = resolve(mark < 0 ? words[i] : words[i].substring(mark + 2), list, where);
        }
        return Arrays.stream(paths).map(java.util.Objects::requireNonNull).toList();
    }

    private static Path resolve(String word, Path list, String where) {
        try {
            Path path = Path.of(word);
            Path beside = list.toAbsolutePath().resolveSibling(path);
            return path.isAbsolute() || !Files.exists(beside) && Files.exists(path) ? path : beside;
        } catch (InvalidPathException e) {
            throw new NibbleException("%s: '%s' is no path".formatted(where, word), "correct the line", e);
        }
    }

    /// The input's dimensions without its batch, turned to how the files hold them; what the model leaves open stays
    /// open.
    private static long[] storedDims(InputSpec input, @Nullable Layout layout) {
        long[] dims = input.dims();
        long[] one = dims.length == 0 ? dims : Arrays.copyOfRange(dims, 1, dims.length);
        return layout == Layout.NHWC && one.length == 3 && !(one[2] <= 4 && one[0] > 4)
                ? new long[] {one[1], one[2], one[0]}
                : one;
    }

    @Override
    public long size() {
        return lines.size();
    }

    @Override
    public String name(long index) {
        return String.valueOf(lines.get((int) index).getFirst().getFileName());
    }

    @Override
    public Tensor read(long index, int field) {
        Path path = lines.get((int) index).get(field);
        byte[] bytes = MappedFile.read(path, 4L << 28);
        InputSpec input = inputs.get(field);
        for (DataType type : new DataType[] {DataType.FLOAT, input.type()}) {
            long @Nullable [] dims = closed(fields.get(field).dims(), bytes.length, type.bits() / 8);
            if (dims != null) {
                return new Tensor(type, Shape.of(dims), MemorySegment.ofArray(bytes));
            }
        }
        throw new NibbleException(
                "'%s' has %d bytes, which do not make up the input '%s' of shape %s"
                        .formatted(path, bytes.length, input.name(), input.shapeText()),
                "write raw float32 of one sample; bind open dimensions with --shape");
    }

    /// The dimensions with at most one open one found from the length; null where they do not match it.
    private static long @Nullable [] closed(long[] dims, long bytes, int width) {
        if (width == 0 || bytes % width != 0) {
            return null;
        }
        long known = 1;
        int open = -1;
        for (int i = 0; i < dims.length; i++) {
            if (dims[i] == -1 && open >= 0) {
                return null;
            } else if (dims[i] == -1) {
                open = i;
            } else {
                known = dims[i] == 0 ? 0 : Math.min(1L << 32, known) * Math.min(1L << 30, dims[i]);
            }
        }
        long elements = bytes / width;
        if (open < 0) {
            return known == elements ? dims : null;
        }
        if (known == 0 || elements == 0 || elements % known != 0) {
            return null;
        }
        dims[open] = elements / known;
        return dims;
    }
}
