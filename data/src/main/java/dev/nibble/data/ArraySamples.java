package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Samples in NumPy arrays, one array an input, the first axis counting samples: a `.npy`, a `.npz`, or several
/// `.npy`.
///
/// @param arrays at least one, all of as many samples
record ArraySamples(Map<String, NpyArray> arrays, @Nullable Labels given, List<Finding> findings, Arena arena)
        implements Samples {
    private static final String LABELS = "labels";
    private static final long MOST_IN_MEMORY = 64L << 20;

    /// One array, for the model's only input.
    @SuppressWarnings("MustBeClosedChecker") // closed with the samples
    static ArraySamples npy(Path path) {
        Arena arena = Arena.ofShared();
        try {
            return new ArraySamples(
                    Map.of("", NpyArray.parse(MappedFile.map(path, arena), "'" + path + "'")), null, List.of(), arena);
        } catch (Throwable e) {
            arena.close();
            throw e;
        }
    }

    /// An array a file, named by input.
    @SuppressWarnings("MustBeClosedChecker") // closed with the samples
    static ArraySamples files(Map<String, Path> paths, List<InputSpec> inputs) {
        Arena arena = Arena.ofShared();
        try {
            Map<String, NpyArray> arrays = new LinkedHashMap<>();
            paths.forEach(
                    (name, path) -> arrays.put(name, NpyArray.parse(MappedFile.map(path, arena), "'" + path + "'")));
            return of(arrays, arrays.keySet(), null, inputs, "the files", arena);
        } catch (Throwable e) {
            arena.close();
            throw e;
        }
    }

    /// The arrays of a `.npz`, `labels` among them or not. Stored ones are looked at in place; packed ones are
    /// unpacked, to a temporary file where they are large.
    @SuppressWarnings("MustBeClosedChecker") // closed with the samples
    static ArraySamples npz(Path path, List<InputSpec> inputs) {
        Arena arena = Arena.ofShared();
        try {
            ZipIndex zip = ZipIndex.parse(MappedFile.map(path, arena), "'" + path + "'");
            Map<String, ZipIndex.Entry> entries = new LinkedHashMap<>();
            for (ZipIndex.Entry entry : zip.entries()) {
                if (!entry.name().endsWith(".npy")) {
                    throw new NibbleException(
                            "'%s' holds '%s', which is no .npy array".formatted(path, entry.name()),
                            "a .npz holds arrays only; write it with numpy.savez");
                }
                String name = entry.name().substring(0, entry.name().length() - 4);
                if (entries.put(name, entry) != null) {
                    throw new NibbleException(
                            "'%s' holds '%s' twice".formatted(path, name), "write it again with numpy.savez");
                }
            }
            List<String> wanted = inputs.stream().map(InputSpec::name).toList();
            ZipIndex.Entry labels = wanted.contains(LABELS) ? null : entries.remove(LABELS);
            boolean only = entries.size() == 1 && inputs.size() == 1;
            Map<String, NpyArray> arrays = new LinkedHashMap<>();
            entries.forEach((name, entry) -> {
                if (only || wanted.contains(name)) {
                    arrays.put(name, array(zip, entry, arena));
                }
            });
            return of(
                    arrays,
                    entries.keySet(),
                    labels == null ? null : Labels.of(array(zip, labels, arena), where(zip, labels)),
                    inputs,
                    "'" + path + "'",
                    arena);
        } catch (Throwable e) {
            arena.close();
            throw e;
        }
    }

    private static String where(ZipIndex zip, ZipIndex.Entry entry) {
        return "'%s' in %s".formatted(entry.name(), zip.where());
    }

    private static NpyArray array(ZipIndex zip, ZipIndex.Entry entry, Arena arena) {
        return NpyArray.parse(bytes(zip, entry, arena), where(zip, entry));
    }

    private static ArraySamples of(
            Map<String, NpyArray> arrays,
            Set<String> present,
            @Nullable Labels labels,
            List<InputSpec> inputs,
            String where,
            Arena arena) {
        if (inputs.isEmpty()) {
            throw new NibbleException("the model has no inputs to feed", "give a model that takes samples");
        }
        Map<String, NpyArray> chosen = new LinkedHashMap<>();
        if (arrays.size() == 1 && inputs.size() == 1) {
            chosen.put("", arrays.values().iterator().next());
        } else {
            for (InputSpec input : inputs) {
                NpyArray array = arrays.get(input.name());
                if (array == null) {
                    throw new NibbleException(
                            "%s holds no array for the input '%s', only %s"
                                    .formatted(where, input.name(), quoted(present.stream())),
                            "name the arrays like the inputs: "
                                    + quoted(inputs.stream().map(InputSpec::name)));
                }
                chosen.put(input.name(), array);
            }
        }
        long samples = -1;
        for (Map.Entry<String, NpyArray> array : chosen.entrySet()) {
            if (samples >= 0 && array.getValue().samples() != samples) {
                throw new NibbleException(
                        "%s holds %d samples for '%s', but %d for the input before"
                                .formatted(where, array.getValue().samples(), array.getKey(), samples),
                        "give each input as many samples");
            }
            samples = array.getValue().samples();
        }
        List<Finding> findings = new ArrayList<>();
        List<String> unused = present.stream()
                .filter(name -> !arrays.containsKey(name) || !chosen.containsKey("") && !chosen.containsKey(name))
                .toList();
        if (!unused.isEmpty()) {
            findings.add(new Finding(
                    "D011",
                    Finding.Severity.HINT,
                    "%s holds arrays the model has no input for: %s".formatted(where, quoted(unused.stream())),
                    "leave them out, or check the inputs' names"));
        }
        return new ArraySamples(chosen, labels, findings, arena);
    }

    private static MemorySegment bytes(ZipIndex zip, ZipIndex.Entry entry, Arena arena) {
        if (entry.method() == 0) {
            return zip.stored(entry);
        }
        zip.claim(entry);
        MemorySegment room = entry.size() <= MOST_IN_MEMORY
                ? arena.allocate(Math.max(1, entry.size()), 64).asSlice(0, entry.size())
                : temporary(entry, arena);
        zip.inflate(entry, room);
        return room.asReadOnly();
    }

    /// A mapped file that is gone when the arena closes, or the process dies.
    private static MemorySegment temporary(ZipIndex.Entry entry, Arena arena) {
        try {
            Path path = Files.createTempFile("nibble-", ".npy");
            try (FileChannel channel = FileChannel.open(
                    path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE)) {
                if (Files.getFileStore(path).getUsableSpace() < entry.size()) {
                    throw new NibbleException(
                            "'%s' unpacks to %d bytes, more than the temporary folder has left"
                                    .formatted(entry.name(), entry.size()),
                            "store the arrays unpacked (numpy.savez), or make room");
                }
                return channel.map(FileChannel.MapMode.READ_WRITE, 0, entry.size(), arena);
            }
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be unpacked: %s".formatted(entry.name(), e.getMessage()),
                    "store the arrays unpacked (numpy.savez)",
                    e);
        }
    }

    private static String quoted(java.util.stream.Stream<String> names) {
        return names.map(name -> "'" + name + "'").collect(Collectors.joining(", "));
    }

    @Override
    public List<Field> fields() {
        return arrays.entrySet().stream()
                .map(e ->
                        new Field(e.getKey(), e.getValue().type(), e.getValue().sampleDims(), false))
                .toList();
    }

    @Override
    public long size() {
        return arrays.values().iterator().next().samples();
    }

    @Override
    public Tensor read(long index, int field) {
        return List.copyOf(arrays.values()).get(field).sample(index);
    }

    @Override
    public Optional<Label> label(long index) {
        return given == null ? Optional.empty() : Optional.of(given.get(index));
    }

    @Override
    public long labels() {
        return given == null ? -1 : given.size();
    }

    @Override
    public void close() {
        arena.close();
    }
}
