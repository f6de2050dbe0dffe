package dev.nibble.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ReportJsonTest {
    private static final JsonMapper MAPPER = new JsonMapper();

    static List<ResultDocument> documents() {
        return List.of(
                SampleDocuments.tiny(),
                SampleDocuments.healthy(),
                SampleDocuments.degraded(),
                SampleDocuments.collapsed(),
                SampleDocuments.unlabelled(),
                SampleDocuments.hostile(),
                SampleDocuments.bare());
    }

    @Test
    void theResultDocumentIsWrittenAsTheGoldenFileSays() throws IOException {
        String written = ReportJson.write(SampleDocuments.tiny());
        Files.createDirectories(Path.of("target"));
        Files.writeString(Path.of("target", "report-golden-actual.json"), written);
        try (InputStream in = ReportJsonTest.class.getResourceAsStream("report-golden.json")) {
            assertEquals(in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8), written);
        }
    }

    @ParameterizedTest
    @MethodSource("documents")
    void whatIsWrittenIsReadBackEqual(ResultDocument document) {
        ResultDocument back = ReportJson.read(ReportJson.write(document), ResultDocument.class);
        assertEquals(document, back);
    }

    @Test
    void theContractsFieldsHaveTheContractsNames() {
        JsonNode json = MAPPER.readTree(ReportJson.write(SampleDocuments.tiny()));
        for (String field : List.of(
                "schemaVersion",
                "nibble",
                "model",
                "target",
                "options",
                "samples",
                "metric",
                "sqnrDb",
                "cosine",
                "optimization",
                "tensors",
                "skipped",
                "findings",
                "files",
                "timings",
                "peakRssBytes")) {
            assertTrue(json.has(field), field);
        }
        assertEquals(
                List.of("path", "sha256", "opset"), names(json.get("model")).subList(0, 3));
        assertTrue(names(json.get("samples")).containsAll(List.of("calibration", "evaluation")));
        assertEquals(
                List.of("name", "float", "quantized", "drop", "ci95", "n"),
                names(json.get("metric")).subList(0, 6));
        assertEquals(
                List.of("name", "kind", "bits", "scale", "zeroPoint", "min", "max", "calibrator", "sqnrDb"),
                names(json.get("tensors").get(0)).subList(0, 9));
        assertEquals(List.of("node", "op", "reason"), names(json.get("skipped").get(0)));
        assertEquals(
                List.of("code", "severity", "text", "fix"),
                names(json.get("findings").get(0)));
        assertEquals(List.of("path", "sha256", "bytes"), names(json.get("files").get(0)));
        assertEquals(
                List.of("loadSeconds", "calibrateSeconds", "quantizeSeconds", "evaluateSeconds", "totalSeconds"),
                names(json.get("timings")));
        assertEquals("off", json.get("optimization").asString());
        assertEquals("default", json.get("default").get("optimization").asString());
        assertEquals(2, json.get("metric").get("ci95").size());
        assertEquals("weight", json.get("tensors").get(0).get("kind").asString());
        assertEquals("warning", json.get("findings").get(0).get("severity").asString());
    }

    private static List<String> names(JsonNode node) {
        return List.copyOf(node.propertyNames());
    }

    @Test
    void whatIsNotKnownIsNullAndNeverLeftOut() {
        JsonNode json = MAPPER.readTree(ReportJson.write(SampleDocuments.bare()));
        assertTrue(json.get("metric").isNull());
        assertTrue(json.get("sqnrDb").isNull());
        assertTrue(json.get("peakRssBytes").isNull());
        assertEquals(0, json.get("tensors").size());
    }

    @Test
    void numbersThatJsonCannotHoldAreDefined() {
        ResultDocument document = SampleDocuments.hostile();
        assertNull(document.sqnrDb());
        assertNull(document.cosine());
        assertNull(document.tensors().getFirst().scale());
        assertEquals(Decibels.EXACT, document.tensors().getFirst().sqnrDb());
        assertEquals(-Decibels.EXACT, document.layers().get(1).layerWiseDb());
        String json = ReportJson.write(document);
        assertFalse(json.contains("NaN") || json.contains("Infinity"));
    }

    @Test
    void unknownFieldsAreIgnoredSoThatFieldsCanBeAdded() {
        String json = ReportJson.write(SampleDocuments.bare()).replaceFirst("\\{", "{\"later\": [1],");
        assertEquals(SampleDocuments.bare(), ReportJson.read(json, ResultDocument.class));
    }

    @Test
    void anythingElseIsRefusedWithAReason() {
        for (String text : List.of("", "[]", "{}", "null", "{\"schemaVersion\": 1", "{\"schemaVersion\": \"x\"}")) {
            assertThrows(IllegalArgumentException.class, () -> ReportJson.read(text, ResultDocument.class), text);
        }
    }

    @Test
    void theOtherDocumentsAreReadBackEqual() {
        ModelInfo model = new ModelInfo("m.onnx", SampleDocuments.HASH, 17, 10L, 20L, null);
        Finding finding = new Finding("X1", Finding.Severity.NOTE, "text", null);
        roundTrip(new EvaluateDocument(
                1,
                "0.1.0",
                model,
                "top1",
                0.91,
                500,
                new Interval(-0.01, 0.02),
                0.92,
                -0.01,
                null,
                "cpu",
                "off",
                List.of(new EvaluateDocument.Entry("sqnrDb", 30.5, 500, null, null, null)),
                new GeneratedText(1, 4, 0.75, 0, true, List.of(new GeneratedText.Sample("a", "b", "c", "d", 0.75, 3))),
                List.of(finding),
                1.5));
        roundTrip(new CompareDocument(
                1,
                "0.1.0",
                model,
                model,
                20,
                30.0,
                0.99,
                List.of(new CompareDocument.Row("a", "Conv", 20.0, 30.0, 0.9, null, null, null)),
                List.of(new Skipped("b", null, "only in the float model")),
                List.of()));
        roundTrip(new InspectDocument(
                1,
                "0.1.0",
                model,
                Map.of("Conv", 3L),
                100,
                null,
                17,
                8,
                "pytorch 2.1",
                Map.of("ai.onnx", 17L),
                List.of(new InspectDocument.Port("x", "float32", List.of("N", "3"))),
                List.of(),
                List.of(new InspectDocument.Weight(
                        "w",
                        "Conv",
                        List.of(3L, 3L),
                        List.of(new InspectDocument.WeightError(4, "block:32", 1e-4, 20.0)))),
                List.of()));
        roundTrip(new SimplifyDocument(
                1,
                "0.1.0",
                model,
                new FileRecord("o.onnx", "0", 5),
                17,
                10,
                8,
                List.of(new PassRecord("FoldConstants", List.of("a"), List.of(new Skipped("n", "Add", "why")))),
                1e-6,
                Map.of("old", "new"),
                List.of()));
    }

    private static void roundTrip(Document document) {
        String json = ReportJson.write(document);
        assertEquals(document, ReportJson.read(json, document.getClass()));
        assertEquals(
                "schemaVersion",
                MAPPER.readTree(json).propertyNames().iterator().next());
    }

    @Test
    void recordsRefuseNonsense() {
        assertThrows(IllegalArgumentException.class, () -> new Interval(1, 0));
        assertThrows(IllegalArgumentException.class, () -> new Timings(-1, 0, 0, 0, 0));
        assertThrows(IllegalArgumentException.class, () -> Metric.of("top1", Double.NaN, 0, null, 1));
        assertThrows(
                IllegalArgumentException.class,
                () -> new TensorHistogram(
                        "t", null, List.of(0.0, 1.0), List.of(), new RangeChoice("mse", 0, 1, null), List.of(), null));
        assertThrows(
                IllegalArgumentException.class,
                () -> new SamplePicture(
                        "s",
                        "javascript:alert(1)",
                        List.of(),
                        null,
                        null,
                        new SamplePicture.Answer("", null, null),
                        new SamplePicture.Answer("", null, null)));
    }
}
