package dev.nibble.target;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.ParserMessage;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A place in a configuration document that knows its path, so that every complaint says where.
public final class Json {
    private static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(
                            StreamReadConstraints.builder().maxNestingDepth(64).build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .build())
            .build();

    private final JsonNode node;
    private final String document;
    private final String path;

    private Json(JsonNode node, String document, String path) {
        this.node = node;
        this.document = document;
        this.path = path;
    }

    public static Json parse(String text, String document) {
        try {
            JsonNode node = MAPPER.readTree(text);
            if (node == null || !node.isObject()) {
                throw new NibbleException(document + " holds no JSON object", "check that it is the right file");
            }
            return new Json(node, document, "");
        } catch (JacksonException e) {
            boolean located = e.getLocation() != null && e.getLocation().getLineNr() > 0;
            throw new NibbleException(
                    "%s is not JSON: %s".formatted(document, ParserMessage.plain(e.getOriginalMessage())),
                    located
                            ? "see line %d, column %d"
                                    .formatted(
                                            e.getLocation().getLineNr(),
                                            e.getLocation().getColumnNr())
                            : "correct the file",
                    e);
        }
    }

    /// A document that was parsed already.
    static Json of(JsonNode node, String document) {
        return new Json(node, document, "");
    }

    /// A complaint about this place.
    public NibbleException error(String message, String hint) {
        return new NibbleException(
                "%s: %s%s".formatted(document, path.isEmpty() ? "" : "'" + path + "': ", message), hint);
    }

    /// The parsed value at this place.
    public JsonNode node() {
        return node;
    }

    /// Refuses every key that is not one of `known`.
    public Json allow(String... known) {
        for (String key : node.propertyNames()) {
            if (!List.of(known).contains(key)) {
                throw error(
                        "unknown key '" + key + "'",
                        Nearest.didYouMean(key, List.of(known), "known are " + String.join(", ", known)));
            }
        }
        return this;
    }

    public boolean has(String key) {
        return node.has(key);
    }

    /// The object under `key`; an empty one where there is none.
    public Json object(String key) {
        JsonNode child = node.has(key) ? node.get(key) : MAPPER.createObjectNode();
        return at(child, key).asObject();
    }

    private Json asObject() {
        if (!node.isObject()) {
            throw error("must be an object", "write { … }");
        }
        return this;
    }

    private Json at(JsonNode child, String key) {
        return new Json(child, document, path.isEmpty() ? key : path + "." + key);
    }

    public List<Map.Entry<String, Json>> entries() {
        List<Map.Entry<String, Json>> entries = new ArrayList<>();
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            Json child = at(entry.getValue(), entry.getKey());
            entries.add(Map.entry(entry.getKey(), child));
        }
        return entries;
    }

    /// The objects in the list under `key`; none where there is none.
    public List<Json> list(String key) {
        if (!node.has(key)) {
            return List.of();
        }
        JsonNode list = node.get(key);
        if (!list.isArray()) {
            throw at(list, key).error("must be a list", "write [ … ]");
        }
        List<Json> items = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
            items.add(at(list.get(i), key + "[" + i + "]").asObject());
        }
        return items;
    }

    /// The strings in the list under `key`; none where there is none.
    public List<String> strings(String key) {
        if (!node.has(key)) {
            return List.of();
        }
        JsonNode list = node.get(key);
        if (!list.isArray()) {
            throw at(list, key).error("must be a list of names", "write [ \"…\" ]");
        }
        List<String> items = new ArrayList<>();
        for (JsonNode item : list) {
            items.add(at(item, key).asText());
        }
        return items;
    }

    public String asText() {
        if (!node.isString()) {
            throw error("must be text, but is " + node, "write \"…\"");
        }
        return node.stringValue();
    }

    public Optional<String> text(String key) {
        return node.has(key) ? Optional.of(at(node.get(key), key).asText()) : Optional.empty();
    }

    /// A boolean, real or as AIMET writes it: `"True"`, `"False"`.
    public Optional<Boolean> flag(String key) {
        if (!node.has(key)) {
            return Optional.empty();
        }
        JsonNode value = node.get(key);
        if (value.isBoolean()) {
            return Optional.of(value.booleanValue());
        }
        if (value.isString() && Set.of("True", "true", "False", "false").contains(value.stringValue())) {
            return Optional.of(value.stringValue().equalsIgnoreCase("true"));
        }
        throw at(value, key).error("must be true or false, but is " + value, "write \"True\" or \"False\"");
    }

    public double number(String key) {
        JsonNode value = node.has(key) ? node.get(key) : null;
        if (value == null || !value.isNumber() || !Double.isFinite(value.doubleValue())) {
            throw error("'%s' must be a number, but is %s".formatted(key, value), "give it a number");
        }
        return value.doubleValue();
    }

    public int integer(String key) {
        double value = number(key);
        if (value != Math.rint(value) || Math.abs(value) > Integer.MAX_VALUE) {
            throw error("'%s' must be a whole number, but is %s".formatted(key, value), "give it a whole number");
        }
        return (int) value;
    }

    /// `key` as a bit width.
    int width(String key) {
        if (!Set.of("4", "8", "16").contains(key)) {
            throw error("'" + key + "' is not a bit width", "use 4, 8 or 16");
        }
        return Integer.parseInt(key);
    }
}
