package dev.nibble.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import com.fasterxml.jackson.annotation.JsonValue;
import dev.nibble.report.Interval;
import java.lang.reflect.AnnotatedParameterizedType;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.AnnotatedTypeVariable;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedSet;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Derives a JSON Schema (draft 2020-12) from a record, and checks documents against the part of the language that it
/// uses itself. Every component is required; those marked `@Nullable` may be null, or are left out where the record
/// says so. `schemaVersion` stands first, as [JsonOutput] puts it there.
final class JsonSchema {
    private final Map<String, Object> definitions = new TreeMap<>();

    static Map<String, Object> of(Class<?> type, String id, String title) {
        JsonSchema schema = new JsonSchema();
        Map<String, Object> root = new LinkedHashMap<>();
        root.put("$schema", "https://json-schema.org/draft/2020-12/schema");
        root.put("$id", id);
        root.put("title", title);
        root.putAll(schema.object(type));
        schema.version(root);
        root.put("$defs", schema.definitions);
        return root;
    }

    private void version(Map<String, Object> root) {
        Map<String, Object> properties = ordered("schemaVersion", ordered("type", "integer"));
        properties.putAll(asMap(root.get("properties")));
        root.put("properties", properties);
        SequencedSet<Object> required = new LinkedHashSet<>(List.of("schemaVersion"));
        required.addAll((List<?>) root.get("required"));
        root.put("required", List.copyOf(required));
    }

    @SuppressWarnings("unchecked") // object() makes no others
    private static Map<String, Object> asMap(Object map) {
        return (Map<String, Object>) map;
    }

    private Map<String, Object> object(Class<?> type) {
        Map<String, Object> properties = new LinkedHashMap<>();
        List<Object> required = new ArrayList<>();
        JsonInclude include = type.getAnnotation(JsonInclude.class);
        boolean leavesOut = include != null && include.value() == JsonInclude.Include.NON_NULL;
        for (RecordComponent component : type.getRecordComponents()) {
            if (component.getAccessor().isAnnotationPresent(JsonUnwrapped.class)) {
                Map<String, Object> inner = object(component.getType());
                properties.putAll(asMap(inner.get("properties")));
                required.addAll((List<?>) inner.get("required"));
                continue;
            }
            JsonProperty renamed = component.getAccessor().getAnnotation(JsonProperty.class);
            String name = renamed == null ? component.getName() : renamed.value();
            properties.put(name, type(component.getAnnotatedType(), name));
            if (!leavesOut || !component.getAnnotatedType().isAnnotationPresent(Nullable.class)) {
                required.add(name);
            }
        }
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("type", "object");
        object.put("properties", properties);
        object.put("required", required);
        return object;
    }

    private Map<String, Object> type(AnnotatedType annotated, String name) {
        boolean nullable = annotated.isAnnotationPresent(Nullable.class);
        if (annotated instanceof AnnotatedTypeVariable) {
            return new LinkedHashMap<>();
        }
        Class<?> type = raw(annotated.getType());
        if (annotated instanceof AnnotatedParameterizedType generic && !type.isRecord()) {
            AnnotatedType[] arguments = generic.getAnnotatedActualTypeArguments();
            return arguments.length == 1
                    ? ordered("type", "array", "items", type(arguments[0], name))
                    : ordered("type", "object", "additionalProperties", type(arguments[1], name));
        }
        if (type == Interval.class) {
            Map<String, Object> interval =
                    ordered("type", nullable("array", nullable), "items", ordered("type", "number"));
            interval.put("minItems", 2);
            interval.put("maxItems", 2);
            return interval;
        }
        if (type.isRecord()) {
            String key = type.getEnclosingClass() == null
                    ? type.getSimpleName()
                    : type.getEnclosingClass().getSimpleName() + "." + type.getSimpleName();
            if (!definitions.containsKey(key)) {
                definitions.put(key, Map.of());
                definitions.put(key, object(type));
            }
            Map<String, Object> reference = ordered("$ref", "#/$defs/" + key);
            return nullable ? ordered("anyOf", List.of(reference, ordered("type", "null"))) : reference;
        }
        if (type.isEnum()) {
            return ordered("enum", labels(type));
        }
        if (type == Object.class) {
            return new LinkedHashMap<>();
        }
        String plain = type == String.class
                ? "string"
                : type == boolean.class || type == Boolean.class
                        ? "boolean"
                        : type == double.class || type == Double.class ? "number" : "integer";
        return ordered("type", nullable(plain, nullable));
    }

    private static Class<?> raw(Type type) {
        return type instanceof ParameterizedType generic ? (Class<?>) generic.getRawType() : (Class<?>) type;
    }

    private static Object nullable(String type, boolean nullable) {
        return nullable ? List.of(type, "null") : type;
    }

    private static List<Object> labels(Class<?> type) {
        List<Object> labels = new ArrayList<>();
        try {
            for (Object constant : type.getEnumConstants()) {
                for (var method : type.getDeclaredMethods()) {
                    if (method.isAnnotationPresent(JsonValue.class)) {
                        labels.add(method.invoke(constant));
                    }
                }
            }
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
        return labels.isEmpty()
                ? List.of(Arrays.stream(type.getEnumConstants())
                        .map(c -> ((Enum<?>) c).name())
                        .toArray())
                : labels;
    }

    private static Map<String, Object> ordered(Object... entries) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < entries.length; i += 2) {
            map.put((String) entries[i], entries[i + 1]);
        }
        return map;
    }

    /// What in `value` breaks `schema`, by path; empty where nothing does.
    static List<String> violations(JsonNode schema, JsonNode value) {
        List<String> violations = new ArrayList<>();
        check(schema, schema, value, "", violations);
        return violations;
    }

    private static void check(JsonNode root, JsonNode schema, JsonNode value, String at, List<String> out) {
        if (schema.has("$ref")) {
            check(root, root.at(schema.get("$ref").asString().substring(1)), value, at, out);
            return;
        }
        if (schema.has("anyOf")) {
            if (!value.isNull()) {
                check(root, schema.get("anyOf").get(0), value, at, out);
            }
            return;
        }
        if (schema.has("enum")) {
            boolean known = schema.get("enum").valueStream().anyMatch(value::equals);
            if (!known) {
                out.add(at + " is none of " + schema.get("enum"));
            }
            return;
        }
        if (!schema.has("type")) {
            return;
        }
        JsonNode type = schema.get("type");
        List<String> types =
                type.isArray() ? type.valueStream().map(JsonNode::asString).toList() : List.of(type.asString());
        if (types.stream().noneMatch(t -> is(t, value))) {
            out.add(at + " is no " + types);
            return;
        }
        if (value.isObject()) {
            checkObject(root, schema, value, at, out);
        }
        if (value.isArray()) {
            for (int i = 0; i < value.size(); i++) {
                check(root, schema.get("items"), value.get(i), at + "[" + i + "]", out);
            }
            if (schema.has("maxItems") && value.size() != schema.get("maxItems").asInt()) {
                out.add(at + " has " + value.size() + " items");
            }
        }
    }

    private static void checkObject(JsonNode root, JsonNode schema, JsonNode value, String at, List<String> out) {
        if (schema.has("required")) {
            schema.get("required").forEach(name -> {
                if (!value.has(name.asString())) {
                    out.add(at + "/" + name.asString() + " is missing");
                }
            });
        }
        for (String name : value.propertyNames()) {
            JsonNode inner =
                    schema.has("properties") ? schema.get("properties").get(name) : schema.get("additionalProperties");
            if (inner == null) {
                out.add(at + "/" + name + " is not in the schema");
            } else {
                check(root, inner, value.get(name), at + "/" + name, out);
            }
        }
    }

    private static boolean is(String type, JsonNode value) {
        return switch (type) {
            case "object" -> value.isObject();
            case "array" -> value.isArray();
            case "string" -> value.isString();
            case "boolean" -> value.isBoolean();
            case "integer" -> value.isIntegralNumber();
            case "number" -> value.isNumber();
            case "null" -> value.isNull();
            default -> throw new IllegalArgumentException(type);
        };
    }
}
