package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Samples that were chosen, bound to a model's inputs and preprocessed: what calibration and measuring read.
///
/// Sized, indexable, lazy: memory does not grow with the number of samples. Reading is safe from several threads;
/// closing while batches are open is not.
public final class DataSet implements AutoCloseable {
    /// Fewer samples than this are warned about: ranges and accuracies from them are shaky.
    public static final long FEW_SAMPLES = 200;

    private static final long LOOKED_AT = 64;

    private final Samples samples;
    private final DataOptions options;
    private final List<InputSpec> inputs;
    /// The field each input reads.
    private final int[] fields;
    private final @Nullable Labels labels;
    private final Arena arena;
    private final long size;
    /// The batch the model insists on; 0 where it is open.
    private final int fixedBatch;
    private final List<Finding> findings = new ArrayList<>();

    private DataSet(Samples samples, DataOptions options, List<InputSpec> inputs, Arena arena) {
        this.samples = samples;
        this.options = options;
        this.inputs = List.copyOf(inputs);
        this.arena = arena;
        this.labels = labels(samples, options, arena);
        this.size = chosen();
        this.fields = bind();
        checkOptions();
        findings.addAll(samples.findings());
        if (size < FEW_SAMPLES) {
            findings.add(new Finding(
                    "D002",
                    Finding.Severity.WARNING,
                    "only %d samples".formatted(size),
                    "use at least %d, of every kind the model will meet".formatted(FEW_SAMPLES)));
        }
        this.fixedBatch = fixedBatch();
    }

    /// Opens a `.npy`, `.npz`, a folder or zip of JPEG and PNG, a QNN `input_list.txt`, or a `data.toml`.
    ///
    /// @param inputs the model's inputs that have no initializer, in its order
    /// @throws NibbleException where the file cannot be read, no sample is left, labels do not match in number, or
    ///     the samples (the first one is tried) do not fit the inputs
    public static DataSet open(Path path, DataOptions options, List<InputSpec> inputs) {
        Formats.Opened opened = Formats.open(path, options, inputs);
        return of(opened.samples(), opened.options(), inputs);
    }

    /// Samples from elsewhere, bound as [#open] does. The data set closes them, also when this fails.
    @SuppressWarnings("MustBeClosedChecker") // closed with the data set
    public static DataSet of(Samples samples, DataOptions options, List<InputSpec> inputs) {
        Arena arena = Arena.ofShared();
        try {
            return new DataSet(samples, options, inputs, arena);
        } catch (Throwable e) {
            arena.close();
            samples.close();
            throw e;
        }
    }

    private static @Nullable Labels labels(Samples samples, DataOptions options, Arena arena) {
        Path path = options.labels();
        // A table that names pictures was read with them, and gave them their order.
        boolean fromSamples = path == null || samples instanceof PictureSamples && Formats.isTable(path);
        Labels labels = !fromSamples && path != null
                ? Labels.open(path, options.labelColumn(), arena)
                : samples.labels() < 0
                        ? null
                        : new Labels(samples.labels(), i -> samples.label(i).orElseThrow());
        if (labels != null && labels.size() != samples.size()) {
            throw new NibbleException(
                    "there are %d samples but %d labels".formatted(samples.size(), labels.size()),
                    path == null ? "give each sample one label" : "check that '" + path + "' belongs to these samples");
        }
        return labels;
    }

    private long chosen() {
        long stored = samples.size();
        if (stored == 0) {
            throw new NibbleException("the data holds no samples", "name data with samples; 200 or more serve well");
        }
        long skip = options.skip() == null ? 0 : options.skip();
        long every = options.every() == null ? 1 : options.every();
        long left = skip >= stored ? 0 : Math.ceilDiv(stored - skip, every);
        if (left == 0) {
            throw new NibbleException("--skip %d leaves none of the %d samples".formatted(skip, stored), "skip fewer");
        }
        return options.take() == null ? left : Math.min(left, options.take());
    }

    private int[] bind() {
        if (inputs.isEmpty()) {
            throw new NibbleException("the model has no inputs to feed", "give a model that takes samples");
        }
        List<Samples.Field> stored = samples.fields();
        int[] bound = new int[inputs.size()];
        if (inputs.size() == 1 && stored.size() == 1) {
            return bound;
        }
        List<String> names = stored.stream().map(Samples.Field::name).toList();
        for (int i = 0; i < bound.length; i++) {
            bound[i] = names.indexOf(inputs.get(i).name());
            if (bound[i] < 0) {
                throw new NibbleException(
                        "the samples hold nothing for the input '%s'"
                                .formatted(inputs.get(i).name()),
                        "the model has %d inputs (%s): give a .npz with an array for each"
                                .formatted(
                                        inputs.size(),
                                        inputs.stream().map(InputSpec::name).collect(Collectors.joining(", "))));
            }
        }
        return bound;
    }

    private void checkOptions() {
        boolean spatial = options.resize() != null || options.crop() != null;
        boolean pictures = false;
        for (int i = 0; i < inputs.size(); i++) {
            pictures |= field(i).picture();
        }
        if (pictures && options.layout() == Layout.NCHW) {
            throw new NibbleException("pictures from files are nhwc, not nchw", "leave --layout out");
        }
        if (spatial && !pictures && options.layout() == null) {
            throw new NibbleException(
                    "--resize and --crop need to know where height and width are", "add --layout nhwc or nchw");
        }
        if (options.normalizes() && inputs.stream().noneMatch(i -> Elements.isFloat(i.type()))) {
            throw new NibbleException(
                    "the model takes whole numbers, so --scale, --mean and --std have nothing to work on",
                    "leave them out");
        }
    }

    private int fixedBatch() {
        Assembler assembler = new Assembler(this);
        assembler.prepare(0, true);
        long fixed = 0;
        for (int i = 0; i < inputs.size(); i++) {
            long[] dims = inputs.get(i).dims();
            boolean batched = assembler.outcomes().get(i).fit().batched();
            long own = batched ? Math.max(0, dims[0]) : 1;
            if (own == 0 && batched && dims[0] == 0 || own > 65_536 || fixed > 0 && own > 0 && own != fixed) {
                throw new NibbleException(
                        "the inputs do not agree on a batch: '%s' has shape %s"
                                .formatted(inputs.get(i).name(), inputs.get(i).shapeText()),
                        "bind the batch of every input with --shape");
            }
            fixed = Math.max(fixed, own);
        }
        return (int) fixed;
    }

    /// How many samples were chosen.
    public long size() {
        return size;
    }

    /// The options in force, with what a `data.toml` said.
    public DataOptions options() {
        return options;
    }

    public List<InputSpec> inputs() {
        return inputs;
    }

    /// Whether each sample has a label.
    public boolean labelled() {
        return labels != null;
    }

    /// What sample `index` is called: a file name, or `sample 12`, counted as stored.
    public String name(long index) {
        return samples.name(at(index));
    }

    public Optional<Label> label(long index) {
        return labels == null ? Optional.empty() : Optional.of(labels.get(at(index)));
    }

    /// How many tokens of sample `index` count, where it is a text; padding does not.
    public OptionalInt tokens(long index) {
        return samples.tokens(at(index));
    }

    /// Whether sample `index` is a text whose end was cut off, to be as long as the model or `--max-length` allows.
    public boolean cut(long index) {
        return samples.cut(at(index));
    }

    /// The token ids of sample `index` that count, where it is a text.
    public Optional<long[]> tokenIds(long index) {
        return samples.tokenIds(at(index));
    }

    /// Sample `index` as text, where it is one: as it was read, or made of its token ids.
    public Optional<String> text(long index) {
        return samples.text(at(index));
    }

    /// The text that token ids stand for, where there is a tokenizer.
    public Optional<String> textOf(long[] ids) {
        return samples.textOf(ids);
    }

    /// Whether samples 2k and 2k+1 are two texts that are to be compared, and so were chosen.
    public boolean paired() {
        long skip = options.skip() == null ? 0 : options.skip();
        return samples.paired() && skip % 2 == 0 && (options.every() == null || options.every() == 1) && size % 2 == 0;
    }

    /// At most `count` of the samples, evenly spread. It reads from this data set, which must stay open; closing this
    /// one closes both.
    public DataSet spread(long count) {
        if (count < 1) {
            throw new IllegalArgumentException("count must be at least 1, but was " + count);
        }
        long every = (options.every() == null ? 1 : options.every()) * Math.max(1, size / count);
        return new DataSet(samples, options.withChoice(options.skip(), every, Math.min(count, size)), inputs, arena);
    }

    /// One sample, preprocessed, as a batch of one in memory of its own. Where the model's batch is fixed, the sample
    /// is repeated.
    public Map<String, Tensor> sample(long index) {
        Assembler assembler = new Assembler(this);
        assembler.prepare(index, false);
        int rows = Math.max(1, fixedBatch);
        List<MemorySegment> memory = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
            memory.add(Arena.ofAuto()
                    .allocate(
                            rows
                                    * Assembler.bytes(
                                            inputs.get(i), assembler.fits().get(i)),
                            64));
        }
        for (int row = 0; row < rows; row++) {
            assembler.write(memory, row);
        }
        return Assembler.tensors(inputs, assembler.fits(), memory, rows);
    }

    /// The index of the sample whose inputs take most; of texts the longest. Where the model leaves shapes open and
    /// samples are no texts, only some are looked at.
    public long largest() {
        boolean fixed = inputs.stream()
                .allMatch(input -> java.util.Arrays.stream(input.dims()).skip(1).allMatch(dim -> dim >= 0));
        if (fixed || size == 1) {
            return 0;
        }
        boolean texts = tokens(0).isPresent();
        long looked = texts ? size : Math.min(size, LOOKED_AT);
        Assembler assembler = new Assembler(this);
        long largest = 0;
        long most = -1;
        for (long i = 0; i < looked; i++) {
            long index = i * size / looked;
            long bytes;
            if (texts) {
                bytes = tokens(index).orElse(0);
            } else {
                assembler.prepare(index, true);
                bytes = 0;
                for (int input = 0; input < inputs.size(); input++) {
                    bytes += Assembler.bytes(inputs.get(input), assembler.fits().get(input));
                }
            }
            if (bytes > most) {
                most = bytes;
                largest = index;
            }
        }
        return largest;
    }

    /// One sample's array for `input` as stored, for showing it: a picture is UINT8 height×width×3.
    public Tensor stored(long index, String input) {
        for (int i = 0; i < inputs.size(); i++) {
            if (inputs.get(i).name().equals(input)) {
                return stored(index, i);
            }
        }
        throw new IllegalArgumentException("no input '" + input + "'");
    }

    /// All samples in order, `batch` at a time. A batch ends early where the shape changes, and at the end.
    ///
    /// @param batch overruled by a model whose batch is fixed
    public Batches batches(int batch) {
        return new Batches(this, batch, null, false);
    }

    /// As [#batches(int)], with `doctor` looking at each sample.
    public Batches batches(int batch, Doctor doctor) {
        return new Batches(this, batch, doctor, false);
    }

    /// What was said on opening: too few samples, files left out.
    public List<Finding> findings() {
        return List.copyOf(findings);
    }

    /// Reads everything once and says what is odd, [#findings] included, worst first. NaN and infinity are findings
    /// here, while batches refuse them.
    public List<Finding> examine() {
        Doctor doctor = new Doctor();
        try (Batches batches = new Batches(this, 1, doctor, true)) {
            while (batches.hasNext()) {
                batches.next();
            }
        }
        List<Finding> all = new ArrayList<>(findings);
        all.addAll(doctor.findings());
        all.sort(java.util.Comparator.comparing(Finding::severity).reversed());
        return List.copyOf(all);
    }

    @Override
    public void close() {
        arena.close();
        samples.close();
    }

    /// The batch asked for, or the one the model insists on.
    int rows(int asked) {
        if (asked < 1) {
            throw new IllegalArgumentException("batch must be at least 1, but was " + asked);
        }
        return fixedBatch > 0 ? fixedBatch : (int) Math.min(asked, size);
    }

    boolean batchIsFixed() {
        return fixedBatch > 0;
    }

    Samples.Field field(int input) {
        return samples.fields().get(fields[input]);
    }

    Tensor stored(long index, int input) {
        return samples.read(at(index), fields[input]);
    }

    private long at(long index) {
        java.util.Objects.checkIndex(index, size);
        long skip = options.skip() == null ? 0 : options.skip();
        long every = options.every() == null ? 1 : options.every();
        return skip + index * every;
    }
}
