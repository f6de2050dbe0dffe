package dev.nibble.report;

import tools.jackson.core.JacksonException;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// Documents as JSON and back. Fields stand in the order of the records, numbers in full precision; the same document
/// gives the same bytes.
public final class ReportJson {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .defaultPrettyPrinter(new DefaultPrettyPrinter().withObjectIndenter(new DefaultIndenter("  ", "\n")))
            .build();

    private ReportJson() {}

    /// The document as JSON text that ends in a line feed.
    public static String write(Document document) {
        return MAPPER.writeValueAsString(document) + "\n";
    }

    /// Reads a document back.
    ///
    /// @throws IllegalArgumentException where the text is no such document or a later schema; the message says what
    public static <T extends Document> T read(String json, Class<T> type) {
        T document;
        try {
            document = MAPPER.readValue(json, type);
        } catch (JacksonException e) {
            throw new IllegalArgumentException(
                    "not a " + type.getSimpleName() + " as JSON: " + e.getOriginalMessage(), e);
        }
        if (document == null) {
            throw new IllegalArgumentException("not a " + type.getSimpleName() + " as JSON: null");
        }
        if (document.schemaVersion() != Document.SCHEMA_VERSION) {
            throw new IllegalArgumentException(
                    "schemaVersion must be " + Document.SCHEMA_VERSION + ", but was " + document.schemaVersion());
        }
        return document;
    }
}
