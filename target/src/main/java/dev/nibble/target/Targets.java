package dev.nibble.target;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.toml.TomlMapper;

/// The chips that Nibble knows, one TOML file each, and those that a user describes in a file of the same
/// form.
public final class Targets {
    private static final TomlMapper MAPPER = new TomlMapper();

    /// Chips with a Hexagon of an earlier generation, by the names that people ask for.
    private static final Map<String, String> BEFORE_HTP = Map.of(
            "sdm660", "v62", "msm8998", "v62", "sdm845", "v65", "sm8150", "v66", "sm8250", "v66", "qrb5165", "v66",
            "qcs610", "v66");

    private static final List<String> RATES = List.of(
            "hvx_threads",
            "dram_peak_gbs",
            "vendor_int8_tops",
            "best_int8_tops",
            "best_w8a16_tops",
            "best_float16_tflops",
            "best_weight_gbs");

    private Targets() {}

    /// All of them, by name.
    public static List<Target> all() {
        List<Target> targets = new ArrayList<>();
        for (String name : resource("index.txt").lines().toList()) {
            targets.add(read(resource(name + ".toml"), name + ".toml"));
        }
        return targets;
    }

    /// The target called `name`: a chip, one of its other names, a device that has it, or a file ending in
    /// `.toml`.
    ///
    /// @throws NibbleException where there is none; the hint names the nearest
    public static Target find(String name) {
        if (name.endsWith(".toml")) {
            return read(Path.of(name));
        }
        String file = name.toLowerCase(Locale.ROOT);
        if (resource("index.txt").lines().anyMatch(file::equals)) {
            return read(resource(file + ".toml"), file + ".toml");
        }
        List<String> known = new ArrayList<>();
        for (Target target : all()) {
            if (target.name().equalsIgnoreCase(name)
                    || target.aliases().stream().anyMatch(a -> a.equalsIgnoreCase(name))) {
                return target;
            }
            known.add(target.name());
            known.addAll(target.aliases());
        }
        String generation = BEFORE_HTP.get(file);
        if (generation != null) {
            throw new NibbleException(
                    "'%s' is too old: its Hexagon %s has no HTP, which came with v68".formatted(name, generation),
                    "choose sm8350 or newer; nibble targets lists them all");
        }
        throw new NibbleException(
                "there is no target '" + name + "'", Nearest.didYouMean(name, known, "nibble targets lists them all"));
    }

    /// The target that `file` describes.
    ///
    /// @throws NibbleException where it cannot be read or says something unknown
    public static Target read(Path file) {
        try {
            return read(Files.readString(file), "'" + file + "'");
        } catch (IOException e) {
            throw new NibbleException(
                    "target file '%s' cannot be read: %s".formatted(file, e.getMessage()), "check the path", e);
        }
    }

    /// The target that `toml` describes.
    ///
    /// @param document what messages call it
    public static Target read(String toml, String document) {
        JsonNode node;
        try {
            node = MAPPER.readTree(toml);
        } catch (JacksonException e) {
            throw new NibbleException(
                    "%s is not TOML: %s".formatted(document, ParserMessage.plain(e.getOriginalMessage())),
                    "correct the file",
                    e);
        }
        Json root = Json.of(node, document);
        List<String> keys = new ArrayList<>(
                List.of("name", "marketing", "aliases", "arch", "soc_id", "vtcm_mb", "float16", "calibration"));
        keys.addAll(RATES);
        root.allow(keys.toArray(String[]::new));
        SortedMap<String, Sourced<Double>> rates = new TreeMap<>();
        for (String rate : RATES) {
            if (root.has(rate)) {
                rates.put(rate, sourced(root, rate, j -> positive(j)));
            }
        }
        String name = root.text("name").orElseThrow(() -> root.error("there is no 'name'", "give the target a name"));
        return new Target(
                name,
                root.strings("aliases"),
                root.text("marketing").orElse(name),
                sourced(root, "arch", Targets::arch),
                sourced(root, "soc_id", j -> j.integer("value")),
                sourced(root, "vtcm_mb", j -> (int) positive(j)),
                sourced(root, "float16", j -> j.flag("value").orElse(true)),
                rates,
                root.has("calibration") ? Optional.of(calibration(root.object("calibration"))) : Optional.empty());
    }

    private static Calibration calibration(Json json) {
        SortedMap<String, Double> values = new TreeMap<>();
        for (Map.Entry<String, Json> entry : json.entries()) {
            String key = entry.getKey();
            if (!List.of("from", "status", "source").contains(key)) {
                double value = json.number(key);
                if (!(value > 0) || Double.isInfinite(value)) {
                    throw json.error("'%s' is %s".formatted(key, value), "give a positive number");
                }
                values.put(key, value);
            }
        }
        return new Calibration(json.text("from"), values, status(json), source(json));
    }

    private static double positive(Json json) {
        double value = json.number("value");
        if (!(value > 0)) {
            throw json.error("'value' is " + value, "give a positive number");
        }
        return value;
    }

    private static HtpArch arch(Json json) {
        List<String> known = java.util.Arrays.stream(HtpArch.values())
                .map(a -> a.name().toLowerCase(Locale.ROOT))
                .toList();
        String text = json.text("value").orElse("");
        if (!known.contains(text)) {
            throw json.error("there is no HTP generation '" + text + "'", "use one of " + String.join(", ", known));
        }
        return HtpArch.valueOf(text.toUpperCase(Locale.ROOT));
    }

    private static <T> Sourced<T> sourced(Json root, String key, Function<Json, T> value) {
        if (!root.has(key)) {
            throw root.error("there is no '" + key + "'", "give it with value, status and source");
        }
        Json json = root.object(key).allow("value", "status", "source");
        return new Sourced<>(value.apply(json), status(json), source(json));
    }

    private static Status status(Json json) {
        Map<String, Status> statuses = new TreeMap<>();
        for (Status status : Status.values()) {
            statuses.put(status.name().toLowerCase(Locale.ROOT), status);
        }
        return Optional.ofNullable(statuses.get(json.text("status").orElse("")))
                .orElseThrow(() -> json.error(
                        "'status' must be one of " + String.join(", ", statuses.keySet()),
                        "say where the value is from"));
    }

    private static String source(Json json) {
        return json.text("source")
                .filter(s -> !s.isBlank())
                .orElseThrow(() -> json.error("there is no 'source'", "say where the value is from"));
    }

    private static String resource(String name) {
        try (InputStream in = Targets.class.getResourceAsStream("socs/" + name)) {
            if (in == null) {
                throw new IllegalStateException("the target data " + name + " is not in the program");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
