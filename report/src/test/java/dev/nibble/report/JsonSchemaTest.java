package dev.nibble.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The published schemas under `docs/schema` describe what is written. Where one is out of date the right one is left
/// in `target/schema`: copy it over.
class JsonSchemaTest {
    private static final JsonMapper MAPPER = new JsonMapper();

    @ParameterizedTest
    @ValueSource(
            classes = {
                ResultDocument.class,
                EvaluateDocument.class,
                CompareDocument.class,
                InspectDocument.class,
                SimplifyDocument.class,
                EstimateDocument.class,
                FitDocument.class
            })
    void thePublishedSchemaIsTheRecords(Class<?> type) throws IOException {
        String name = file(type);
        String title = "Nibble: what `" + name.replace("report", "quantize") + "` writes";
        String schema = MAPPER.writerWithDefaultPrettyPrinter()
                        .writeValueAsString(JsonSchema.of(type, "nibble:schema/" + name + "/1", title))
                        .replace("\r\n", "\n")
                + "\n";
        Path fresh = Path.of("target", "schema", name + ".schema.json");
        Files.createDirectories(fresh.getParent());
        Files.writeString(fresh, schema);
        Path published = Path.of("..", "docs", "schema", name + ".schema.json");
        assertEquals(Files.exists(published) ? Files.readString(published) : "", schema);
    }

    private static String file(Class<?> type) {
        String name = type.getSimpleName().replace("Document", "").toLowerCase(java.util.Locale.ROOT);
        return name.equals("result") ? "report" : name;
    }

    @Test
    void everyKindOfReportKeepsToTheSchema() throws IOException {
        JsonNode schema = MAPPER.readTree(Files.readString(Path.of("..", "docs", "schema", "report.schema.json")));
        for (ResultDocument document : ReportJsonTest.documents()) {
            assertEquals(List.of(), JsonSchema.violations(schema, MAPPER.readTree(ReportJson.write(document))));
        }
    }

    @Test
    void aDocumentThatBreaksTheSchemaIsCaught() {
        JsonNode schema = MAPPER.valueToTree(JsonSchema.of(ResultDocument.class, "x", "x"));
        String json = ReportJson.write(SampleDocuments.tiny());
        for (String broken : List.of(
                json.replace("\"kind\" : \"weight\"", "\"kind\" : \"wait\""),
                json.replace("\"opset\" : 17", "\"opset\" : \"17\""),
                json.replaceFirst("\"nibble\" : \"0.1.0\",", ""),
                json.replaceFirst("\"ci95\" : \\[[^\\]]*\\]", "\"ci95\" : [1.0]"))) {
            assertFalse(JsonSchema.violations(schema, MAPPER.readTree(broken)).isEmpty());
        }
    }
}
