package dev.nibble.data;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// JPEG and PNG files of a folder (and the folders in it) or a zip, decoded when read; in the order of `labels.csv`
/// where there is one, else by name.
///
/// @param pictures name and content, in order
/// @param given a label for each, or null
record PictureSamples(
        List<Map.Entry<String, Supplier<byte[]>>> pictures,
        @Nullable List<Label> given,
        List<Finding> findings,
        Arena arena)
        implements Samples {
    private static final String TABLE = "labels.csv";
    private static final int DEEPEST = 32;

    /// @param table a `.csv` that names the files, instead of the `labels.csv` beside them; or null
    @SuppressWarnings("MustBeClosedChecker") // closed with the samples
    static PictureSamples open(Path path, @Nullable Path table, @Nullable String column) {
        Arena arena = Arena.ofShared();
        try {
            Map<String, Supplier<byte[]>> files = Files.isDirectory(path) ? folder(path) : zip(path, arena);
            String where = table == null ? "labels.csv in '" + path + "'" : "'" + table + "'";
            Supplier<byte[]> inside = files.remove(TABLE);
            byte[] csv =
                    table != null ? MappedFile.read(table, Labels.LONGEST_FILE) : inside == null ? null : inside.get();
            return of(files, csv == null ? null : LabelTable.parse(csv, where), column, path, arena);
        } catch (Throwable e) {
            arena.close();
            throw e;
        }
    }

    private static Map<String, Supplier<byte[]>> folder(Path folder) {
        Map<String, Supplier<byte[]>> files = new TreeMap<>();
        try (Stream<Path> walk = Files.walk(folder, DEEPEST)) {
            walk.filter(Files::isRegularFile)
                    .forEach(file -> files.put(
                            folder.relativize(file).toString().replace('\\', '/'),
                            () -> MappedFile.read(file, Picture.LONGEST_FILE)));
        } catch (IOException e) {
            throw MappedFile.unreadable(folder, e);
        } catch (UncheckedIOException e) {
            throw MappedFile.unreadable(folder, new IOException(e.getMessage(), e));
        }
        return files;
    }

    private static Map<String, Supplier<byte[]>> zip(Path path, Arena arena) {
        ZipIndex zip = ZipIndex.parse(MappedFile.map(path, arena), "'" + path + "'");
        Map<String, Supplier<byte[]>> files = new TreeMap<>();
        for (ZipIndex.Entry entry : zip.entries()) {
            if (files.put(entry.name(), () -> zip.read(entry, Picture.LONGEST_FILE)) != null) {
                throw new NibbleException(
                        "'%s' holds '%s' twice".formatted(path, entry.name()), "pack it again without the double");
            }
        }
        return files;
    }

    private static PictureSamples of(
            Map<String, Supplier<byte[]>> files,
            @Nullable LabelTable table,
            @Nullable String column,
            Path path,
            Arena arena) {
        Map<String, Supplier<byte[]>> pictures = new LinkedHashMap<>();
        Set<String> others = new LinkedHashSet<>();
        files.forEach((name, content) -> {
            String last = name.substring(name.lastIndexOf('/') + 1);
            if (Picture.isPicture(name) && !last.startsWith(".")) {
                pictures.put(name, content);
            } else {
                others.add(name);
            }
        });
        List<Finding> findings = new ArrayList<>();
        leftOut(findings, "D012", others, "is neither JPEG nor PNG", "convert them, or move them elsewhere");
        if (table == null) {
            return new PictureSamples(List.copyOf(pictures.entrySet()), null, findings, arena);
        }
        int file = table.fileColumn();
        if (file < 0) {
            throw new NibbleException(table.where() + " has no column that names the pictures", "add a column 'file'");
        }
        List<Label> labels = table.labels(column);
        List<Map.Entry<String, Supplier<byte[]>>> ordered = new ArrayList<>();
        Set<String> unlisted = new LinkedHashSet<>(pictures.keySet());
        for (int i = 0; i < labels.size(); i++) {
            String name = table.rows().get(i)[file];
            Supplier<byte[]> content = pictures.get(name);
            if (content == null) {
                throw new NibbleException(
                        "%s, row %d names '%s', which is not in '%s'".formatted(table.where(), i + 1, name, path),
                        "names are relative to the folder; take out the rows of pictures that are gone");
            }
            ordered.add(Map.entry(name, content));
            unlisted.remove(name);
        }
        leftOut(findings, "D013", unlisted, "is not in " + table.where(), "add a row for each");
        return new PictureSamples(List.copyOf(ordered), labels, findings, arena);
    }

    private static void leftOut(List<Finding> findings, String code, Set<String> names, String why, String fix) {
        if (!names.isEmpty()) {
            findings.add(new Finding(
                    code,
                    Finding.Severity.HINT,
                    "%d files were left out; '%s' %s"
                            .formatted(names.size(), names.iterator().next(), why),
                    fix));
        }
    }

    @Override
    public List<Field> fields() {
        return List.of(new Field("", DataType.UINT8, new long[] {-1, -1, 3}, true));
    }

    @Override
    public long size() {
        return pictures.size();
    }

    @Override
    public String name(long index) {
        return pictures.get((int) index).getKey();
    }

    @Override
    public Tensor read(long index, int field) {
        return Picture.decode(pictures.get((int) index).getValue().get(), "'" + name(index) + "'");
    }

    @Override
    public Optional<Label> label(long index) {
        return given == null ? Optional.empty() : Optional.of(given.get((int) index));
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
