package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.toml.TomlMapper;

/// A `data.toml`: the samples (`data = "x.npy"`, or a table `[inputs]` with a `.npy` an input) and any option of the
/// command line under its own name. Paths are relative to the file.
///
/// @param data file or folder of samples; null where `inputs` names them
record DataToml(@Nullable Path data, Map<String, Path> inputs, DataOptions options) {
    private static final List<String> KEYS = List.of(
            "data",
            "inputs",
            "labels",
            "label-column",
            "layout",
            "resize",
            "crop",
            "mean",
            "std",
            "scale",
            "skip",
            "every",
            "take",
            "batch",
            "tokenizer",
            "max-length",
            "padding",
            "lengths",
            "pooling");
    private static final long LONGEST_FILE = 1 << 20;

    /// @throws NibbleException where the file is no TOML, a key is unknown or a value of the wrong kind
    static DataToml read(Path path) {
        return new Reading(path).read();
    }

    private record Reading(Path path) {
        DataToml read() {
            JsonNode root;
            try {
                root = TomlMapper.shared().readTree(Labels.text(MappedFile.read(path, LONGEST_FILE), "'" + path + "'"));
            } catch (JacksonException e) {
                throw new NibbleException(
                        "'%s' is no readable TOML: %s".formatted(path, ParserMessage.plain(e.getOriginalMessage())),
                        "see line "
                                + (e.getLocation() == null ? 1 : e.getLocation().getLineNr()),
                        e);
            }
            for (String key : root.propertyNames()) {
                if (!KEYS.contains(key.replace('_', '-'))) {
                    throw new NibbleException(
                            "'%s' has an unknown key '%s'".formatted(path, key),
                            Suggestion.of(key, KEYS) + "known keys: " + String.join(", ", KEYS));
                }
            }
            Map<String, Path> inputs = inputs(root.path("inputs"));
            String data = text(root, "data");
            if ((data == null) == inputs.isEmpty()) {
                throw new NibbleException(
                        "'%s' must name its samples by data or by [inputs]".formatted(path),
                        "write data = \"samples.npy\"");
            }
            String layout = text(root, "layout");
            String labels = text(root, "labels");
            String tokenizer = text(root, "tokenizer");
            String lengths = text(root, "lengths");
            return new DataToml(
                    data == null ? null : resolve(data),
                    inputs,
                    new DataOptions(
                            labels == null ? null : resolve(labels),
                            text(root, "label-column"),
                            layout == null ? null : Layout.parse(layout),
                            integer(root, "resize"),
                            integer(root, "crop"),
                            numbers(root, "mean"),
                            numbers(root, "std"),
                            number(root, "scale"),
                            whole(root, "skip"),
                            whole(root, "every"),
                            whole(root, "take"),
                            integer(root, "batch"),
                            new TextOptions(
                                    tokenizer == null ? null : resolve(tokenizer),
                                    integer(root, "max-length"),
                                    truth(root, "padding"),
                                    lengths == null ? null : resolve(lengths),
                                    pooling(root))));
        }

        private Map<String, Path> inputs(JsonNode table) {
            Map<String, Path> inputs = new LinkedHashMap<>();
            if (table.isMissingNode()) {
                return inputs;
            }
            if (!table.isObject()) {
                throw wrong("inputs", "a table of input = \"file.npy\"");
            }
            table.properties().forEach(entry -> {
                if (!entry.getValue().isString()) {
                    throw wrong("inputs." + entry.getKey(), "a path in quotes");
                }
                inputs.put(entry.getKey(), resolve(entry.getValue().stringValue()));
            });
            return inputs;
        }

        private Path resolve(String text) {
            try {
                return path.toAbsolutePath().resolveSibling(text);
            } catch (InvalidPathException e) {
                throw new NibbleException("'%s': '%s' is no path".formatted(path, text), "correct it", e);
            }
        }

        private JsonNode value(JsonNode root, String key) {
            JsonNode value = root.path(key);
            return value.isMissingNode() ? root.path(key.replace('-', '_')) : value;
        }

        private @Nullable String text(JsonNode root, String key) {
            JsonNode value = value(root, key);
            if (value.isMissingNode()) {
                return null;
            }
            if (!value.isString()) {
                throw wrong(key, "text in quotes");
            }
            return value.stringValue();
        }

        private TextOptions.@Nullable Pooling pooling(JsonNode root) {
            String text = text(root, "pooling");
            return switch (text) {
                case null -> null;
                case "mean" -> TextOptions.Pooling.MEAN;
                case "cls" -> TextOptions.Pooling.CLS;
                default -> throw wrong("pooling", "\"mean\" or \"cls\"");
            };
        }

        private @Nullable Boolean truth(JsonNode root, String key) {
            JsonNode value = value(root, key);
            if (value.isMissingNode()) {
                return null;
            }
            if (!value.isBoolean()) {
                throw wrong(key, "true or false");
            }
            return value.booleanValue();
        }

        private @Nullable Integer integer(JsonNode root, String key) {
            Long value = whole(root, key);
            if (value == null) {
                return null;
            }
            if (value != value.intValue()) {
                throw wrong(key, "a smaller number");
            }
            return value.intValue();
        }

        private @Nullable Long whole(JsonNode root, String key) {
            JsonNode value = value(root, key);
            if (value.isMissingNode()) {
                return null;
            }
            if (!value.isIntegralNumber() || !value.canConvertToLong()) {
                throw wrong(key, "a whole number");
            }
            return value.longValue();
        }

        private @Nullable Double number(JsonNode root, String key) {
            JsonNode value = value(root, key);
            if (value.isMissingNode()) {
                return null;
            }
            if (!value.isNumber()) {
                throw wrong(key, "a number");
            }
            return value.doubleValue();
        }

        private List<Double> numbers(JsonNode root, String key) {
            JsonNode value = value(root, key);
            List<Double> numbers = new ArrayList<>();
            if (value.isMissingNode()) {
                return numbers;
            }
            for (JsonNode one : value.isArray() ? value.values() : List.of(value)) {
                if (!one.isNumber()) {
                    throw wrong(key, "a number or a list of numbers");
                }
                numbers.add(one.doubleValue());
            }
            return numbers;
        }

        private NibbleException wrong(String key, String wanted) {
            return new NibbleException(
                    "'%s': %s must be %s".formatted(path, key, wanted), "correct the value of " + key);
        }
    }
}
