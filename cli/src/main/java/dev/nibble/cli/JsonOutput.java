package dev.nibble.cli;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// Results as JSON documents.
final class JsonOutput {
    /// Of documents that do not carry a version of their own.
    static final int SCHEMA_VERSION = 1;

    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .build();

    private JsonOutput() {}

    /// One document, `schemaVersion` first.
    static String text(Object document) {
        JsonNode tree = MAPPER.valueToTree(document);
        if (!(tree instanceof ObjectNode object)) {
            throw new IllegalArgumentException("a JSON result is an object, but this is a " + tree.getNodeType());
        }
        ObjectNode versioned = MAPPER.createObjectNode();
        versioned.put("schemaVersion", SCHEMA_VERSION);
        versioned.setAll(object);
        return MAPPER.writeValueAsString(versioned);
    }
}
