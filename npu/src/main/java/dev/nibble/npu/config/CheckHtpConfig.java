package dev.nibble.npu.config;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import dev.nibble.target.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Reads one of QAIRT's HTP configuration files, and says what of it the device ignores, or will.
public final class CheckHtpConfig {
    private static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(
                            StreamReadConstraints.builder().maxNestingDepth(64).build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .build();

    private static final Set<String> VERSIONS = Set.of("schemaVersion", "schema_version", "version");
    private static final int MOST_HVX_THREADS = 16;

    private final String file;
    private final Optional<Target> target;
    private final List<Issue> issues = new ArrayList<>();
    private final List<String> graphs = new ArrayList<>();

    /// Something about a key.
    ///
    /// @param code as in `docs/findings.md`
    /// @param severity `error`, `warning` or `note`
    /// @param path the key and where it stands: `graphs[0].enable_dlbc`
    /// @param instead what to write instead
    public record Issue(String code, String severity, String path, String text, String instead) {}

    /// @param graphNames the graphs that the file has settings for
    public record Result(List<Issue> issues, List<String> graphNames) {
        public Result {
            issues = List.copyOf(issues);
            graphNames = List.copyOf(graphNames);
        }
    }

    private CheckHtpConfig(String file, Optional<Target> target) {
        this.file = file;
        this.target = target;
    }

    /// @param file what messages call it
    /// @param target the chip to hold its numbers against
    /// @throws NibbleException where `text` is no JSON object, or of a form that today's QAIRT does not read
    public static Result of(String text, String file, Optional<Target> target) {
        CheckHtpConfig check = new CheckHtpConfig(file, target);
        check.read(text);
        return new Result(check.issues, check.graphs);
    }

    private void read(String text) {
        JsonNode root;
        try {
            root = MAPPER.readTree(text);
        } catch (JacksonException e) {
            String message = ParserMessage.plain(e.getOriginalMessage());
            boolean comment = message.contains("comment");
            throw new NibbleException(
                    "'%s' is not JSON: line %d: %s"
                            .formatted(
                                    file,
                                    e.getLocation().getLineNr(),
                                    comment
                                            ? "a comment"
                                            : message.lines().findFirst().orElse("")),
                    comment
                            ? "JSON has no comments, and QAIRT refuses the whole file: take them out"
                            : "correct the file",
                    e);
        }
        if (root == null || !root.isObject()) {
            throw new NibbleException("'" + file + "' holds no JSON object", "check that it is the right file");
        }
        for (String key : root.propertyNames()) {
            if (VERSIONS.contains(key)) {
                throw new NibbleException(
                        "'%s' is of schema version %s, but QAIRT's HTP configuration has no versions"
                                .formatted(file, root.get(key)),
                        "it is a file of another tool; nibble htp-config MODEL --scenario camera --out DIR writes QAIRT's");
            }
        }
        if (root.has("graphs") && !root.get("graphs").isArray()) {
            throw new NibbleException(
                    "'" + file + "' is of the schema before QAIRT 2.20: 'graphs' is not a list",
                    "write \"graphs\": [ { \"graph_names\": [\"…\"], … } ]");
        }
        object(root, "", "");
        if (root.has("graphs") && graphs.isEmpty()) {
            issue("C105", "error", "graphs", "no graph is named, so nothing here is used", "graph_names: [\"…\"]");
        }
    }

    private void object(JsonNode node, String place, String path) {
        for (var entry : node.properties()) {
            String key = entry.getKey();
            JsonNode value = entry.getValue();
            String at = path.isEmpty() ? key : path + "." + key;
            key(place, key, at);
            value(place, key, value, at, node);
            if (value.isObject()) {
                object(value, key, at);
            } else if (value.isArray()) {
                for (int i = 0; i < value.size(); i++) {
                    if (value.get(i).isObject()) {
                        object(value.get(i), key, at + "[" + i + "]");
                    }
                }
            }
        }
    }

    private void key(String place, String key, String at) {
        Optional<ConfigKey> known = ConfigKey.find(place, key);
        Optional<ConfigKey> row = known.or(() -> ConfigKey.imaginary(key));
        if (row.isPresent()) {
            ConfigKey found = row.get();
            switch (found.status()) {
                case KNOWN -> {}
                case DEPRECATED -> issue("C102", "warning", at, "is deprecated", found.instead());
                case MISPLACED -> issue("C104", "warning", at, "is ignored here", found.instead());
                case IMAGINARY ->
                    issue("C103", "warning", at, "does not exist in QAIRT and does nothing", found.instead());
            }
            return;
        }
        if (!place.isEmpty() && ConfigKey.imaginary(place).isPresent()) {
            return; // of the whole object it was said that it does nothing
        }
        List<String> right = ConfigKey.rightPlaces(key);
        if (!right.isEmpty()) {
            String where = right.getFirst().isEmpty() ? "the document itself" : right.getFirst();
            issue("C104", "warning", at, "is ignored here", key + " stands in " + where);
            return;
        }
        issue(
                "C101",
                "warning",
                at,
                "is not known",
                Nearest.didYouMean(key, ConfigKey.known(place), "take it out; known here: " + known(place)));
    }

    private static String known(String place) {
        List<String> known = ConfigKey.known(place);
        return known.isEmpty() ? "nothing" : String.join(", ", known);
    }

    private void value(String place, String key, JsonNode value, String at, JsonNode around) {
        switch (place + "." + key) {
            case "graphs.graph_names" -> {
                if (!value.isArray() || value.isEmpty()) {
                    issue("C106", "error", at, "must be a list of names, but is " + value, "[\"…\"]");
                } else {
                    value.forEach(n -> graphs.add(n.asString("")));
                }
            }
            case "graphs.vtcm_mb", "graphs.vtcm_size_in_mb" -> {
                int most = target.map(t -> t.vtcmMb().value()).orElse(64);
                within(value, at, 0, most, target.map(Target::name).orElse("any chip"));
            }
            case "graphs.hvx_threads" ->
                within(
                        value,
                        at,
                        1,
                        target.map(t -> t.rates().get("hvx_threads"))
                                .map(r -> r.value().intValue())
                                .orElse(MOST_HVX_THREADS),
                        target.map(Target::name).orElse("any chip"));
            case "graphs.O" -> within(value, at, 1, 3, "QAIRT");
            case "graphs.dlbc", "graphs.dlbc_weights" -> within(value, at, 0, 1, "QAIRT");
            case "finalize_config.P" -> {}
            case "graphs.finalize_config" -> {
                if (value.has("P") && !(around.has("O") && around.get("O").asInt(0) == 3)) {
                    issue("C107", "error", at + ".P", "needs O 3 beside it", "O: 3, or leave finalize_config out");
                }
            }
            case "cores.perf_profile" -> {
                String name = value.asString("");
                if (!PerfProfile.keys().contains(name) && !name.startsWith("llm_decode_")) {
                    issue(
                            "C106",
                            "error",
                            at,
                            "is '" + name + "', which is no profile",
                            Nearest.didYouMean(
                                    name, PerfProfile.keys(), "use one of " + String.join(", ", PerfProfile.keys())));
                }
            }
            case "devices.soc_model", "devices.soc_id" ->
                target.filter(t -> value.isNumber() && t.socId().value() != value.asInt(0))
                        .ifPresent(t -> issue(
                                "C107",
                                "error",
                                at,
                                "is %s, but %s is %d"
                                        .formatted(value, t.name(), t.socId().value()),
                                t.socId().value().toString()));
            case "devices.dsp_arch" ->
                target.filter(t -> !arch(t).equals(value.asString("")))
                        .ifPresent(t -> issue(
                                "C107",
                                "error",
                                at,
                                "is %s, but %s is %s".formatted(value, t.name(), arch(t)),
                                arch(t)));
            default -> {}
        }
    }

    private static String arch(Target target) {
        return target.arch().value().name().toLowerCase(Locale.ROOT);
    }

    private void within(JsonNode value, String at, int least, int most, String of) {
        boolean whole = value.isIntegralNumber() || value.isBoolean() && most == 1;
        int number = value.isBoolean() ? value.booleanValue() ? 1 : 0 : value.asInt(least - 1);
        if (!whole || number < least || number > most) {
            issue(
                    whole && number > most && target.isPresent() ? "C107" : "C106",
                    "error",
                    at,
                    "is %s, but %s takes %d to %d".formatted(value, of, least, most),
                    "a number from %d to %d".formatted(least, most));
        }
    }

    private void issue(String code, String severity, String path, String text, String instead) {
        issues.add(new Issue(code, severity, path, text, instead));
    }
}
