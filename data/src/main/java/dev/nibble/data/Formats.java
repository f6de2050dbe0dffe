package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/// Which reader a path calls for.
final class Formats {
    private Formats() {}

    /// Stored samples, and the options with what a `data.toml` said.
    record Opened(Samples samples, DataOptions options) {}

    static Opened open(Path path, DataOptions options, List<InputSpec> inputs) {
        if (!Files.exists(path)) {
            throw new NibbleException("'" + path + "' does not exist", "check the path after --data");
        }
        String name = path.toString().toLowerCase(Locale.ROOT);
        if (name.endsWith(".toml") && !Files.isDirectory(path)) {
            DataToml toml = DataToml.read(path);
            DataOptions merged = options.over(toml.options());
            if (toml.data() == null) {
                return new Opened(ArraySamples.files(toml.inputs(), inputs), merged);
            }
            if (toml.data().toString().toLowerCase(Locale.ROOT).endsWith(".toml")) {
                throw new NibbleException(
                        "'%s' names another data.toml".formatted(path), "name the samples themselves");
            }
            return open(toml.data(), merged, inputs);
        }
        return new Opened(samples(path, name, options, inputs), options);
    }

    /// Whether the file is a `.csv`.
    static boolean isTable(Path path) {
        return path.toString().toLowerCase(Locale.ROOT).endsWith(".csv");
    }

    private static Samples samples(Path path, String name, DataOptions options, List<InputSpec> inputs) {
        Path labels = options.labels();
        if (Files.isDirectory(path) || name.endsWith(".zip")) {
            return PictureSamples.open(path, labels != null && isTable(labels) ? labels : null, options.labelColumn());
        }
        if (name.endsWith(".npy") && options.text().lengths() != null) {
            return TokenSamples.npy(path, options.text(), inputs);
        }
        if (name.endsWith(".npy")) {
            return ArraySamples.npy(path);
        }
        if (name.endsWith(".npz")) {
            return ArraySamples.npz(path, inputs);
        }
        boolean table = name.endsWith(".csv") || name.endsWith(".jsonl");
        if (options.text().tokenizer() != null && (table || name.endsWith(".txt"))) {
            if (options.text().lengths() != null) {
                throw new NibbleException(
                        "--lengths counts the token ids of a .npy, but '%s' holds texts".formatted(path),
                        "leave --lengths out: texts are as long as their tokens; --max-length N cuts them");
            }
            return TokenSamples.texts(path, options, inputs);
        }
        if (table) {
            throw new NibbleException(
                    "'%s' is text, and it is not said how it becomes token ids".formatted(path),
                    "add --tokenizer tokenizer.json, or store the ids as .npy or .npz");
        }
        if (name.endsWith(".txt")) {
            return InputListSamples.open(path, inputs, options.layout());
        }
        if (Picture.isPicture(name)) {
            throw new NibbleException(
                    "'%s' is a single picture".formatted(path), "name the folder of pictures instead");
        }
        throw new NibbleException(
                "'%s' is of no kind that holds samples".formatted(path),
                "use .npy, .npz, a folder or zip of JPEG and PNG, an input_list.txt, a data.toml, or text with --tokenizer");
    }
}
