package dev.nibble.data;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/// Texts as token ids, with what goes along: masks of attention, types and positions of tokens, by the names that the
/// models' inputs have. Texts are tokenized when they are read, so memory does not grow with their number.
///
/// Samples are as long as their texts, unless the model's input has a fixed length or padding is asked for.
final class TokenSamples implements Samples {
    private final List<Part> parts;
    private final List<Field> fields;
    private final long size;
    private final LongFunction<Tokens> tokens;
    private final LongFunction<String> names;
    private final @Nullable LongFunction<Label> labels;
    private final boolean paired;
    private final List<Finding> findings;
    private final Runnable close;
    private final long length;
    private final long pad;
    private volatile @Nullable Last last;

    /// The sample that was asked for last: its fields are read one after the other.
    private record Last(long index, Tokens tokens) {}

    /// Ids of a text; all of them count.
    ///
    /// @param types which of two texts each token is of
    record Tokens(long[] ids, long[] types) {}

    /// What an input gets.
    private enum Part {
        IDS,
        MASK,
        TYPES,
        POSITIONS;

        static Optional<Part> of(InputSpec input, boolean only) {
            String name = input.name().toLowerCase(Locale.ROOT);
            if (name.contains("mask")) {
                return Optional.of(MASK);
            }
            if (name.contains("type") || name.contains("segment")) {
                return Optional.of(TYPES);
            }
            if (name.contains("position")) {
                return Optional.of(POSITIONS);
            }
            boolean ids = only || name.contains("ids") || name.contains("token") || name.contains("input");
            return ids ? Optional.of(IDS) : Optional.empty();
        }
    }

    private TokenSamples(
            List<InputSpec> inputs,
            long size,
            LongFunction<Tokens> tokens,
            LongFunction<String> names,
            @Nullable LongFunction<Label> labels,
            boolean paired,
            List<Finding> findings,
            long length,
            long pad,
            Runnable close) {
        this.parts = parts(inputs);
        this.size = size;
        this.tokens = tokens;
        this.names = names;
        this.labels = labels;
        this.paired = paired;
        this.findings = findings;
        this.length = length;
        this.pad = pad;
        this.close = close;
        this.fields = inputs.stream()
                .map(input -> new Field(input.name(), DataType.INT64, new long[] {length}, false))
                .toList();
    }

    private static List<Part> parts(List<InputSpec> inputs) {
        List<Part> parts = new ArrayList<>();
        for (InputSpec input : inputs) {
            parts.add(Part.of(input, inputs.size() == 1)
                    .filter(_ -> input.dims().length == 2)
                    .orElseThrow(() -> new NibbleException(
                            "it is not known what input '%s' of shape %s gets of a text"
                                    .formatted(input.name(), input.shapeText()),
                            "inputs of shape [N, tokens] called input_ids, attention_mask, token_type_ids and"
                                    + " position_ids are filled; store the others as .npz")));
        }
        return parts;
    }

    /// The length that the model's inputs insist on; −1 where they leave it open.
    private static long fixedLength(List<InputSpec> inputs) {
        long length = -1;
        for (InputSpec input : inputs) {
            long[] dims = input.dims();
            length = dims.length == 2 ? Math.max(length, dims[1]) : length;
        }
        return length;
    }

    /// The texts of a `.txt`, `.csv` or `.jsonl`.
    static TokenSamples texts(Path path, DataOptions options, List<InputSpec> inputs) {
        Path file = options.text().tokenizer();
        if (file == null) {
            throw new IllegalArgumentException("no tokenizer");
        }
        TextTable table = TextTable.read(path, options.labelColumn());
        long fixed = fixedLength(inputs);
        Integer most = options.text().maxLength();
        if (fixed > 0 && most != null && most > fixed) {
            throw new NibbleException(
                    "--max-length %d is more than the %d tokens that the model takes".formatted(most, fixed),
                    "leave it out, or bind a longer input with --shape");
        }
        TextTokenizer tokenizer = TextTokenizer.open(file, most != null ? most : fixed > 0 ? (int) fixed : 0);
        try {
            int texts = table.rows().getFirst().texts().size();
            if (options.text().pads() && fixed < 0 && tokenizer.maxLength() <= 0) {
                throw new NibbleException("padding needs a length to pad to", "add --max-length N");
            }
            Function<Long, TextTable.Row> row = i -> table.rows().get((int) (i / texts));
            List<Finding> findings = new ArrayList<>();
            if (table.blankLines() > 0) {
                findings.add(new Finding(
                        "D014",
                        Finding.Severity.HINT,
                        "%d blank lines of %s were left out".formatted(table.blankLines(), table.where()),
                        "nothing to do where they only separate texts"));
            }
            return new TokenSamples(
                    inputs,
                    (long) table.rows().size() * texts,
                    i -> tokenizer.encode(row.apply(i).texts().get((int) (i % texts))),
                    i -> texts == 1 ? "text " + i : "text %d of row %d".formatted(i % 2 + 1, i / 2),
                    !table.labelled()
                            ? null
                            : i -> Label.of(String.valueOf(row.apply(i).label())),
                    texts == 2,
                    findings,
                    fixed > 0 ? fixed : options.text().pads() ? tokenizer.maxLength() : -1,
                    tokenizer.pad(),
                    tokenizer::close);
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    /// Token ids in an array, of each row as many as `--lengths` says.
    @SuppressWarnings("MustBeClosedChecker") // closed with the samples
    static TokenSamples npy(Path path, TextOptions options, List<InputSpec> inputs) {
        Path lengthsFile = options.lengths();
        if (lengthsFile == null) {
            throw new IllegalArgumentException("no lengths");
        }
        Arena arena = Arena.ofShared();
        try {
            String where = "'" + path + "'";
            NpyArray ids = NpyArray.parse(MappedFile.map(path, arena), where);
            NpyArray lengths = NpyArray.parse(MappedFile.map(lengthsFile, arena), "'" + lengthsFile + "'");
            if (ids.shape().rank() != 2) {
                throw new NibbleException(
                        "%s has shape %s, but token ids are [samples, tokens]".formatted(where, ids.shape()),
                        "leave --lengths out for other data");
            }
            if (lengths.samples() != ids.samples() || lengths.shape().elements() != ids.samples()) {
                throw new NibbleException(
                        "there are %d samples but the lengths have shape %s".formatted(ids.samples(), lengths.shape()),
                        "give one length a sample");
            }
            long fixed = fixedLength(inputs);
            long most = Math.min(
                    options.maxLength() == null ? Long.MAX_VALUE : options.maxLength(),
                    fixed > 0 ? fixed : Long.MAX_VALUE);
            LongFunction<Tokens> tokens = i -> {
                long length = Elements.whole(lengths.sample(i), 0, "'" + lengthsFile + "'");
                if (length < 1 || length > ids.shape().dim(1)) {
                    throw new NibbleException(
                            "'%s': the length of sample %d is %d".formatted(lengthsFile, i, length),
                            "lengths are 1 to " + ids.shape().dim(1));
                }
                int count = (int) Math.min(length, most);
                long[] row = new long[count];
                Tensor sample = ids.sample(i);
                for (int t = 0; t < count; t++) {
                    row[t] = Elements.whole(sample, t, where);
                }
                return new Tokens(row, new long[count]);
            };
            boolean pads = options.pads() || fixed > 0;
            long length = fixed > 0 ? fixed : Math.min(most, ids.shape().dim(1));
            return new TokenSamples(
                    inputs,
                    ids.samples(),
                    tokens,
                    i -> "sample " + i,
                    null,
                    false,
                    List.of(),
                    pads ? length : -1,
                    0,
                    arena::close);
        } catch (Throwable e) {
            arena.close();
            throw e;
        }
    }

    @Override
    public List<Field> fields() {
        return fields;
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public String name(long index) {
        return names.apply(index);
    }

    private Tokens sample(long index) {
        Last before = last;
        if (before != null && before.index() == index) {
            return before.tokens();
        }
        Tokens sample = tokens.apply(index);
        last = new Last(index, sample);
        return sample;
    }

    @Override
    public Tensor read(long index, int field) {
        Tokens sample = sample(index);
        int count = sample.ids().length;
        long[] values = new long[length < 0 ? count : (int) length];
        for (int i = 0; i < values.length; i++) {
            boolean counts = i < count;
            values[i] = switch (parts.get(field)) {
                case IDS -> counts ? sample.ids()[i] : pad;
                case MASK -> counts ? 1 : 0;
                case TYPES -> counts ? sample.types()[i] : 0;
                case POSITIONS -> i;
            };
        }
        return Tensor.of(Shape.of(values.length), values);
    }

    @Override
    public Optional<Label> label(long index) {
        return labels == null ? Optional.empty() : Optional.of(labels.apply(index));
    }

    @Override
    public long labels() {
        return labels == null ? -1 : size;
    }

    @Override
    public OptionalInt tokens(long index) {
        return OptionalInt.of(sample(index).ids().length);
    }

    @Override
    public boolean paired() {
        return paired;
    }

    @Override
    public List<Finding> findings() {
        return findings;
    }

    @Override
    public void close() {
        close.run();
    }
}
