package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.nibble.pipeline.EncodingsFiles;
import dev.nibble.pipeline.OverridesTemplate;
import dev.nibble.pipeline.TargetsDocument;
import dev.nibble.pipeline.htp.CompileDocument;
import dev.nibble.pipeline.htp.PlacementDocument;
import dev.nibble.report.CompareDocument;
import dev.nibble.report.EstimateDocument;
import dev.nibble.report.EvaluateDocument;
import dev.nibble.report.FitDocument;
import dev.nibble.report.HtpConfigDocument;
import dev.nibble.report.InspectDocument;
import dev.nibble.report.ResultDocument;
import dev.nibble.report.SimplifyDocument;
import dev.nibble.report.TuneDocument;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The published schemas under `docs/schema` describe what is printed: each is the one that its records give, and what
/// the tests of the commands print is held against it ([CommandLineRun]). Where one is out of date the right one is left
/// in `target/schema`: copy it over.
class JsonSchemaTest {
    private static final JsonMapper MAPPER = new JsonMapper();
    private static final Path PUBLISHED = Path.of("..", "docs", "schema");

    static final Map<String, Class<?>> DOCUMENTS = Map.ofEntries(
            Map.entry("report", ResultDocument.class),
            Map.entry("evaluate", EvaluateDocument.class),
            Map.entry("compare", CompareDocument.class),
            Map.entry("inspect", InspectDocument.class),
            Map.entry("simplify", SimplifyDocument.class),
            Map.entry("estimate", EstimateDocument.class),
            Map.entry("fit", FitDocument.class),
            Map.entry("run", RunCommand.Document.class),
            Map.entry("profile", ProfileDocument.One.class),
            Map.entry("profiles", ProfileDocument.Many.class),
            Map.entry("placement", PlacementDocument.class),
            Map.entry("compile", CompileDocument.class),
            Map.entry("targets", TargetsDocument.class),
            Map.entry("overrides", OverridesTemplate.Template.class),
            Map.entry("encodings-convert", EncodingsFiles.Converted.class),
            Map.entry("encodings-diff", EncodingsFiles.Compared.class),
            Map.entry("encodings-check", EncodingsFiles.Checked.class),
            Map.entry("config", ConfigCommand.Document.class),
            Map.entry("tune", TuneDocument.class),
            Map.entry("htp-config", HtpConfigDocument.class),
            Map.entry("explain", ExplainCommand.Document.class));

    static final List<String> NAMES = List.copyOf(DOCUMENTS.keySet());

    /// What in the JSON that a command printed is not as its schema says; nothing where the command has none.
    static List<String> violations(String command, String json) {
        JsonNode document = MAPPER.readTree(json);
        String name = switch (command) {
            case "quantize", "demo" -> "report";
            case "roofline" -> "estimate";
            case "encodings" ->
                "encodings-" + (document.has("problems") ? "check" : document.has("differences") ? "diff" : "convert");
            case "profile" -> document.has("profiles") ? "profiles" : "profile";
            default -> command;
        };
        return DOCUMENTS.containsKey(name) ? JsonSchema.violations(published(name), document) : List.of();
    }

    private static JsonNode published(String name) {
        return MAPPER.readTree(PUBLISHED.resolve(name + ".schema.json"));
    }

    @ParameterizedTest
    @FieldSource("NAMES")
    void thePublishedSchemaIsTheRecords(String name) throws IOException {
        String title = "Nibble: what `" + name.replace("report", "quantize") + "` writes";
        String schema = MAPPER.writerWithDefaultPrettyPrinter()
                        .writeValueAsString(JsonSchema.of(DOCUMENTS.get(name), "nibble:schema/" + name + "/1", title))
                        .replace("\r\n", "\n")
                + "\n";
        Path fresh = Path.of("target", "schema", name + ".schema.json");
        Files.createDirectories(fresh.getParent());
        Files.writeString(fresh, schema);
        Path published = PUBLISHED.resolve(name + ".schema.json");
        assertEquals(Files.exists(published) ? Files.readString(published) : "", schema);
    }

    @Test
    void aDocumentThatBreaksTheSchemaIsCaught() {
        String json = """
                {"schemaVersion": 1, "file": null, "settings":
                    [{"command": "quantize", "option": "--seed", "value": "1", "origin": "default"}]}
                """;
        assertEquals(List.of(), violations("config", json));
        for (String broken : List.of(
                json.replace("\"1\"", "1"),
                json.replace("\"origin\"", "\"from\""),
                json.replace("\"schemaVersion\": 1,", ""),
                json.replace("[{", "{\"a\": {").replace("}]", "}}"))) {
            assertFalse(violations("config", broken).isEmpty(), broken);
        }
    }
}
