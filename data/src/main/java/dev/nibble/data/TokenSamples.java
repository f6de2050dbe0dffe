package dev.nibble.data;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Files;
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
    private final TokenInputs inputs;
    private final List<Field> fields;
    private final long size;
    private final LongFunction<Tokens> tokens;
    private final LongFunction<String> names;
    private final LongFunction<Optional<String>> texts;
    private final @Nullable TokenText decoder;
    private final @Nullable LongFunction<Label> labels;
    private final boolean paired;
    private final List<Finding> findings;
    private final Runnable close;
    private final long length;
    private final long pad;
    private volatile @Nullable Last last;

    /// The sample that was asked for last: its fields are read one after the other.
    private record Last(long index, Tokens tokens) {}

    private TokenSamples(
            List<InputSpec> inputs,
            long size,
            LongFunction<Tokens> tokens,
            LongFunction<String> names,
            LongFunction<Optional<String>> texts,
            @Nullable TokenText decoder,
            @Nullable LongFunction<Label> labels,
            boolean paired,
            List<Finding> findings,
            long length,
            long pad,
            Runnable close) {
        this.inputs = TokenInputs.of(inputs);
        this.size = size;
        this.tokens = tokens;
        this.names = names;
        this.texts = texts;
        this.decoder = decoder;
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

    /// The texts of a `.txt`, `.csv` or `.jsonl`.
    static TokenSamples texts(Path path, DataOptions options, List<InputSpec> inputs) {
        Path file = options.text().tokenizer();
        if (file == null) {
            throw new IllegalArgumentException("no tokenizer");
        }
        TextTable table = TextTable.read(path, options.labelColumn());
        long fixed = TokenInputs.of(inputs).fixedLength();
        Integer most = options.text().maxLength();
        requireWithin(most, fixed);
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
                    i -> Optional.of(row.apply(i).texts().get((int) (i % texts))),
                    tokenizer,
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
        TokenText text = decoder(options.tokenizer());
        Arena arena = Arena.ofShared();
        Runnable close = () -> {
            arena.close();
            if (text != null) {
                text.close();
            }
        };
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
                        "there are %d samples in %s, but the lengths in '%s' have shape %s"
                                .formatted(ids.samples(), where, lengthsFile, lengths.shape()),
                        "give one length a sample");
            }
            requireLengths(lengths, ids.shape().dim(1), lengthsFile);
            long fixed = TokenInputs.of(inputs).fixedLength();
            requireWithin(options.maxLength(), fixed);
            long most = Math.min(
                    options.maxLength() == null ? Long.MAX_VALUE : options.maxLength(),
                    fixed > 0 ? fixed : Long.MAX_VALUE);
            LongFunction<Tokens> tokens = i -> {
                long length = Elements.whole(lengths.sample(i), 0, "'" + lengthsFile + "'");
                int count = (int) Math.min(length, most);
                long[] row = new long[count];
                Tensor sample = ids.sample(i);
                for (int t = 0; t < count; t++) {
                    row[t] = Elements.whole(sample, t, where);
                }
                return new Tokens(row, new long[count], count < length);
            };
            boolean pads = options.pads() || fixed > 0;
            long length = fixed > 0 ? fixed : Math.min(most, ids.shape().dim(1));
            return new TokenSamples(
                    inputs,
                    ids.samples(),
                    tokens,
                    i -> "sample " + i,
                    _ -> Optional.empty(),
                    text,
                    null,
                    false,
                    List.of(),
                    pads ? length : -1,
                    0,
                    close);
        } catch (Throwable e) {
            close.run();
            throw e;
        }
    }

    /// Refuses lengths that are no counts of a row's tokens, before anything is run.
    private static void requireLengths(NpyArray lengths, long width, Path file) {
        for (long i = 0; i < lengths.samples(); i++) {
            Tensor stored = lengths.sample(i);
            double length = Elements.isWhole(stored.type()) ? stored.longAt(0) : stored.floatAt(0);
            if (length != Math.rint(length) || length < 1 || length > width) {
                throw new NibbleException(
                        "'%s': the length of sample %d is %s"
                                .formatted(file, i, length == Math.rint(length) ? (Object) (long) length : length),
                        "lengths are whole numbers from 1 to %d, the tokens that are stored of each".formatted(width));
            }
        }
    }

    private static void requireWithin(@Nullable Integer most, long fixed) {
        if (fixed > 0 && most != null && most > fixed) {
            throw new NibbleException(
                    "--max-length %d is more than the %d tokens that the model takes".formatted(most, fixed),
                    "leave it out, or bind a longer input with --shape");
        }
    }

    /// What turns ids into text where a file for that was given.
    private static @Nullable TokenText decoder(@Nullable Path file) {
        if (file == null) {
            return null;
        }
        if (file.toString().toLowerCase(Locale.ROOT).endsWith(".bin") && Files.isRegularFile(file)) {
            return LlamaVocabulary.read(file);
        }
        return TextTokenizer.open(file, 0);
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
        if (sample.ids().length == 0) {
            throw new NibbleException(
                    "'%s' has no tokens: the tokenizer makes none of %s"
                            .formatted(
                                    name(index),
                                    texts.apply(index).map(t -> "\"" + t + "\"").orElse("it")),
                    "leave that text out");
        }
        last = new Last(index, sample);
        return sample;
    }

    @Override
    public Tensor read(long index, int field) {
        Tokens sample = sample(index);
        long[] values = inputs.values(field, sample, length < 0 ? sample.ids().length : (int) length, pad);
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
    public boolean cut(long index) {
        return sample(index).cut();
    }

    @Override
    public Optional<long[]> tokenIds(long index) {
        return Optional.of(sample(index).ids().clone());
    }

    @Override
    public Optional<String> text(long index) {
        Optional<String> own = texts.apply(index);
        return own.isPresent() ? own : textOf(sample(index).ids());
    }

    @Override
    public Optional<String> textOf(long[] ids) {
        return decoder == null ? Optional.empty() : Optional.of(decoder.of(ids));
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
