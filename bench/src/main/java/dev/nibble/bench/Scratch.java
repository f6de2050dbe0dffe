package dev.nibble.bench;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Properties;
import java.util.stream.Stream;

/// Files that a benchmark leaves for the next run of it.
final class Scratch {
    private Scratch() {}

    static void create(Path folder) {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw failure(folder, e);
        }
    }

    static void delete(Path folder) {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> found = Files.walk(folder)) {
            List<Path> paths = found.sorted(Comparator.reverseOrder()).toList();
            for (Path path : paths) {
                Files.delete(path);
            }
        } catch (IOException e) {
            throw failure(folder, e);
        }
    }

    /// Writes beside, and moves into place.
    static void write(Path file, String text) {
        try {
            Path beside = file.resolveSibling(file.getFileName() + ".new");
            Files.writeString(beside, text);
            Files.move(beside, file, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    static void move(Path from, Path to) {
        try {
            Files.move(from, to, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw failure(to, e);
        }
    }

    static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    static NibbleException failure(Path file, IOException e) {
        return new NibbleException(
                "'%s' cannot be read or written: %s".formatted(file, e.getMessage()), "check its folder", e);
    }

    /// What a row holds, by name, as it lies in a file.
    static final class Fields {
        private final Properties values = new Properties();
        private final StringBuilder text = new StringBuilder();

        void put(String key, Object value) {
            text.append(key).append('=').append(value).append('\n');
        }

        void write(Path file) {
            Scratch.write(file, text.toString());
        }

        static Fields read(Path file) {
            Fields fields = new Fields();
            try (Reader in = Files.newBufferedReader(file)) {
                fields.values.load(in);
            } catch (IOException e) {
                throw failure(file, e);
            }
            return fields;
        }

        boolean has(String key) {
            return values.containsKey(key);
        }

        String text(String key) {
            return values.getProperty(key);
        }

        double number(String key) {
            return Double.parseDouble(text(key));
        }
    }
}
