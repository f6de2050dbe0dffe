package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `evaluate` and `compare` through the whole stack, on a classifier whose labels are its own answers.
class MeasuringCommandsTest {
    private static final int SAMPLES = 300;

    @TempDir
    private Path directory;

    @BeforeEach
    void write() throws IOException {
        TestModels.classifier(directory.resolve("float.onnx"));
        TestModels.quantized(directory.resolve("good.onnx"), 0.2f);
        TestModels.quantized(directory.resolve("ruined.onnx"), 20f);
        TestModels.samples(directory.resolve("x.npy"), SAMPLES, TestModels.FEATURES);
        TestModels.labels(directory.resolve("right.npy"), SAMPLES, 0);
        TestModels.labels(directory.resolve("wrong.npy"), SAMPLES, 1);
    }

    @Test
    void aModelAgreesWithItsOwnAnswers() {
        JsonNode json = json("evaluate", "float.onnx", "--data", "x.npy", "--labels", "right.npy");
        assertEquals(1, json.get("schemaVersion").asInt());
        assertEquals("top1", json.get("metric").asString());
        assertEquals(1.0, json.get("value").asDouble());
        assertEquals(SAMPLES, json.get("n").asInt());
        assertEquals(1.0, json.get("ci95").get(1).asDouble());
        assertTrue(json.get("reference").isNull());
        assertEquals("off", json.get("optimization").asString());
        assertTrue(json.get("others")
                .valueStream()
                .anyMatch(e -> e.get("metric").asString().equals("top1")
                        && e.get("optimization").asString().equals("default")));
    }

    @Test
    void theDifferenceToTheReferenceIsPaired() {
        JsonNode json =
                json("evaluate", "good.onnx", "--data", "x.npy", "--labels", "right.npy", "--reference", "float.onnx");
        double value = json.get("value").asDouble();
        assertEquals(1.0, json.get("reference").asDouble());
        assertEquals(value - 1.0, json.get("difference").asDouble(), 1e-12);
        assertTrue(value > 0.9, json::toString);
        assertTrue(json.get("ci95").get(0).asDouble() <= value - 1.0);
        // Signals of 2 to 8 and three roundings of step 0.2: 0.06 of noise each, which two layers amplify.
        assertTrue(figure(json, "sqnrDb") > 20, json::toString);
    }

    @Test
    void withoutLabelsTheOutputsAreCompared() {
        JsonNode json = json("evaluate", "good.onnx", "--data", "x.npy", "--reference", "float.onnx");
        assertEquals("sqnrDb", json.get("metric").asString());
        assertTrue(figure(json, "cosine") > 0.99);
        assertTrue(figure(json, "argmaxAgreement") > 0.9);
        assertTrue(figure(json, "klNats") >= 0);
    }

    @Test
    void aModelAgainstItselfIsExact() {
        JsonNode json = json("evaluate", "float.onnx", "--data", "x.npy", "--reference", "float.onnx");
        assertEquals(300.0, json.get("value").asDouble());
    }

    @Test
    void withoutLabelsAndReferenceThereIsNothingToMeasure() {
        refused(run("evaluate", "float.onnx", "--data", "x.npy"), "nothing to measure");
    }

    @Test
    void chanceLevelIsTheFirstLine() {
        CommandLineRun run = run("evaluate", "float.onnx", "--data", "x.npy", "--labels", "wrong.npy");
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.out().startsWith("error E101: the model is at chance level: "), run.out());
    }

    @Test
    void aCollapseIsTheFirstLine() {
        CommandLineRun evaluated = run("evaluate", "ruined.onnx", "--data", "x.npy", "--reference", "float.onnx");
        assertTrue(evaluated.out().startsWith("error E103: the outputs have collapsed"), evaluated.out());
        CommandLineRun compared = run("compare", "float.onnx", "ruined.onnx", "--data", "x.npy");
        String firstLine = compared.out().lines().findFirst().orElse("");
        assertTrue(firstLine.contains("the outputs have collapsed"), compared.out());
    }

    @Test
    void inJsonACollapseIsTheFirstFindingAndOnStderr() {
        CommandLineRun run =
                run("evaluate", "ruined.onnx", "--data", "x.npy", "--reference", "float.onnx", "--format", "json");
        JsonNode finding =
                JsonMapper.shared().readTree(run.out()).get("findings").get(0);
        assertEquals("error", finding.get("severity").asString());
        assertTrue(run.err().contains("the outputs have collapsed"), run.err());
    }

    @Test
    void gatesFailWithOneAndSayWhy() {
        String[] common = {"--data", "x.npy", "--labels", "right.npy", "--reference", "float.onnx"};
        CommandLineRun failed = run(with(common, "evaluate", "ruined.onnx", "--max-drop", "5", "--min-sqnr", "20"));
        assertEquals(1, failed.exitCode());
        assertTrue(failed.err().contains("gate failed: the drop is "), failed.err());
        assertTrue(failed.err().contains("gate failed: the SQNR is "), failed.err());
        assertTrue(failed.out().contains("top-1 accuracy"), failed.out());
        CommandLineRun held = run(
                with(common, "evaluate", "good.onnx", "--max-drop", "50", "--min-sqnr", "5", "--min-cosine", "0.9"));
        assertEquals(0, held.exitCode(), held.err());
        assertEquals(
                1,
                run("compare", "float.onnx", "good.onnx", "--data", "x.npy", "--min-cosine", "0.9999999")
                        .exitCode());
        assertEquals(
                0,
                run("compare", "float.onnx", "good.onnx", "--data", "x.npy", "--min-sqnr", "20")
                        .exitCode());
    }

    @Test
    void aGateWithoutWhatItNeedsIsAnError() {
        refused(
                run("evaluate", "float.onnx", "--data", "x.npy", "--labels", "right.npy", "--max-drop", "1"),
                "there is none");
        refused(
                run("evaluate", "good.onnx", "--data", "x.npy", "--reference", "float.onnx", "--max-drop", "1"),
                "none was measured");
    }

    @Test
    void theHtpIsNotThereYet() {
        refused(run("evaluate", "float.onnx", "--data", "x.npy", "--on", "htp"), "nibble htp");
        refused(run("compare", "float.onnx", "good.onnx", "--data", "x.npy", "--on", "htp"), "nibble htp");
    }

    @Test
    void compareListsTensorsWorstFirst() {
        JsonNode json = json("compare", "float.onnx", "good.onnx", "--data", "x.npy");
        assertEquals(32, json.get("n").asInt());
        double last = Double.NEGATIVE_INFINITY;
        for (JsonNode row : json.get("tensors")) {
            assertTrue(row.get("layerWiseDb").asDouble() >= last, json::toString);
            last = row.get("layerWiseDb").asDouble();
            assertTrue(row.get("cosine").asDouble() > 0.9);
        }
        assertTrue(
                json.get("tensors")
                        .valueStream()
                        .anyMatch(row -> row.get("name").asString().equals("h")),
                json::toString);
        JsonNode output = json.get("tensors")
                .valueStream()
                .filter(row -> row.get("name").asString().equals("y"))
                .findFirst()
                .orElseThrow();
        // Both come from the same samples and the same two runs; only the grouping of sums differs.
        assertEquals(json.get("sqnrDb").asDouble(), output.get("graphWiseDb").asDouble(), 1e-6);
    }

    @Test
    void theResultOfCompareDoesNotDependOnTheBatch() {
        JsonNode one = json("compare", "float.onnx", "good.onnx", "--data", "x.npy", "--batch", "1");
        JsonNode many = json("compare", "float.onnx", "good.onnx", "--data", "x.npy", "--max-memory", "1m");
        for (int i = 0; i < one.get("tensors").size(); i++) {
            assertEquals(
                    one.get("tensors").get(i).get("graphWiseDb").asDouble(),
                    many.get("tensors").get(i).get("graphWiseDb").asDouble(),
                    1e-6);
        }
    }

    @Test
    void compareOfTwoFloatModelsSaysThatItIsBlind() {
        JsonNode json = json("compare", "float.onnx", "float.onnx", "--data", "x.npy");
        assertEquals(0, json.get("tensors").size());
        assertTrue(json.get("findings").toString().contains("no DequantizeLinear"), json::toString);
    }

    private static double figure(JsonNode json, String metric) {
        if (json.get("metric").asString().equals(metric)) {
            return json.get("value").asDouble();
        }
        return json.get("others")
                .valueStream()
                .filter(e -> e.get("metric").asString().equals(metric))
                .findFirst()
                .orElseThrow()
                .get("value")
                .asDouble();
    }

    private CommandLineRun run(String... arguments) {
        return CommandLineRun.of(directory, arguments);
    }

    private JsonNode json(String... arguments) {
        CommandLineRun run = run(with(new String[] {"--format", "json"}, arguments));
        assertEquals(0, run.exitCode(), run.err());
        return JsonMapper.shared().readTree(run.out());
    }

    private static void refused(CommandLineRun run, String what) {
        assertEquals(2, run.exitCode(), run.out());
        assertTrue(run.err().startsWith("error: "), run.err());
        assertTrue(run.err().contains(what), run.err());
        assertTrue(run.err().contains("\nhint: "), run.err());
        assertFalse(run.err().contains("\tat "), run.err());
    }

    private static String[] with(String[] common, String... first) {
        String[] all = new String[first.length + common.length];
        System.arraycopy(first, 0, all, 0, first.length);
        System.arraycopy(common, 0, all, first.length, common.length);
        return all;
    }
}
