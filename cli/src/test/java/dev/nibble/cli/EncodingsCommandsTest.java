package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `overrides`, `encodings` and `quantize --quantization-overrides` through the whole stack.
class EncodingsCommandsTest {
    @TempDir
    private Path directory;

    @BeforeEach
    void modelAndSamples() throws IOException {
        TestModels.classifier(directory.resolve("m.onnx"));
        TestModels.samples(directory.resolve("x.npy"), 220, TestModels.FEATURES);
    }

    private CommandLineRun run(String... arguments) {
        return CommandLineRun.of(directory, arguments);
    }

    private JsonNode json(int exitCode, String... arguments) {
        CommandLineRun run = run(arguments);
        assertEquals(exitCode, run.exitCode(), run.err());
        return new JsonMapper().readTree(run.out());
    }

    private byte[] bytes(String file) throws IOException {
        return Files.readAllBytes(directory.resolve(file));
    }

    @Test
    void theTemplateNamesEveryTensorAndChangesNothing() throws IOException {
        JsonNode template = json(0, "overrides", "init", "m.onnx", "--out", "o.json", "--format", "json");
        assertEquals(2, template.get("params").asInt());
        assertEquals(
                run("overrides", "init", "m.onnx").out().strip(),
                Files.readString(directory.resolve("o.json")).strip());
        assertEquals(2, run("overrides", "init", "m.onnx", "--out", "o.json").exitCode(), "it exists");
        assertEquals(
                0, run("quantize", "m.onnx", "--data", "x.npy", "--out", "a").exitCode());
        CommandLineRun forced =
                run("quantize", "m.onnx", "--data", "x.npy", "--out", "b", "--quantization-overrides", "o.json");
        assertEquals(0, forced.exitCode(), forced.err());
        assertArrayEquals(bytes("a/model.qdq.onnx"), bytes("b/model.qdq.onnx"));
    }

    @Test
    void encodingsOfAWholeRunNeedNoSamplesAndGiveTheSameModel() throws IOException {
        assertEquals(
                0, run("quantize", "m.onnx", "--data", "x.npy", "--out", "a").exitCode());
        CommandLineRun again = run(
                "quantize",
                "a/model.float.onnx",
                "--quantization-overrides",
                "a/model.encodings",
                "--out",
                "b",
                "--format",
                "json");
        assertEquals(0, again.exitCode(), again.err());
        JsonNode report = new JsonMapper().readTree(again.out());
        assertEquals(0, report.get("samples").get("calibration").asInt());
        assertEquals("override", report.get("tensors").get(0).get("calibrator").asString());
        assertEquals(
                0,
                json(0, "encodings", "diff", "a/model.encodings", "b/model.encodings", "--format", "json")
                        .get("differences")
                        .size());
        assertArrayEquals(bytes("a/model.qdq.onnx"), bytes("b/model.qdq.onnx"));
        JsonNode measured = json(
                0,
                "quantize",
                "a/model.float.onnx",
                "--quantization-overrides",
                "a/model.encodings",
                "--eval-data",
                "x.npy",
                "--out",
                "c",
                "--format",
                "json");
        assertEquals(220, measured.get("samples").get("evaluation").asInt());
        assertTrue(measured.get("sqnrDb").asDouble() > 10);
    }

    @Test
    void convertsComparesAndChecks() {
        assertEquals(
                0, run("quantize", "m.onnx", "--data", "x.npy", "--out", "a").exitCode());
        CommandLineRun without = run("encodings", "convert", "a/model.encodings", "--to", "2.0.0", "--out", "two.json");
        assertEquals(2, without.exitCode());
        assertTrue(without.err().contains("--model"), without.err());
        JsonNode converted = json(
                0,
                "encodings",
                "convert",
                "a/model.encodings",
                "--to",
                "2.0.0",
                "--out",
                "two.json",
                "--model",
                "a/model.float.onnx",
                "--format",
                "json");
        assertEquals("1.0.0", converted.get("from").asString());
        assertTrue(json(0, "encodings", "diff", "a/model.encodings", "two.json", "--format", "json")
                .get("equal")
                .asBoolean());
        JsonNode checked = json(0, "encodings", "check", "two.json", "a/model.float.onnx", "--format", "json");
        assertTrue(checked.get("ok").asBoolean() && checked.get("whole").asBoolean(), checked::toString);
        assertTrue(run("encodings", "check", "two.json", "m.onnx").out().contains("Every range is given"));
    }

    @Test
    void aFileThatDoesNotFitFailsTheGateWithEveryReason() throws IOException {
        Files.writeString(directory.resolve("bad.json"), """
                {"activation_encodings": {"x": {"dtype": "int4"}, "z": {"dtype": "int8"}}, "param_encodings": {}}""");
        JsonNode checked = json(1, "encodings", "check", "bad.json", "m.onnx", "--format", "json");
        assertEquals(2, checked.get("problems").size(), checked::toString);
        CommandLineRun quantize =
                run("quantize", "m.onnx", "--data", "x.npy", "--out", "a", "--quantization-overrides", "bad.json");
        assertEquals(2, quantize.exitCode());
        assertTrue(quantize.err().startsWith("error: "), quantize.err());
        Files.writeString(directory.resolve("empty.json"), "{\"activation_encodings\": {}, \"param_encodings\": {}}");
        assertEquals(1, run("encodings", "diff", "bad.json", "empty.json").exitCode());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "quantize m.onnx --out a | --data is missing",
                "quantize m.onnx --out a --quantization-overrides none.json | 'none.json'",
                "encodings convert x.json --to 3.0.0 --out y | there is no encodings version '3.0.0'",
                "encodings convert x.json --out y | --to is missing",
                "encodings diff x.json | one more file is needed",
                "overrides init m.onnx --act-bitwidth 4 | activations of 4 bits are not supported",
            })
    void wrongUseIsExplained(String line, String said) {
        CommandLineRun run = run(line.split(" "));
        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains(said), run.err());
    }
}
