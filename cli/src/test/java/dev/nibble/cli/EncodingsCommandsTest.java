package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
        assertTrue(report.get("next").toString().contains("qairt-converter"), report::toString);
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

    @ParameterizedTest
    @CsvSource({"0.6.1", "1.0.0", "2.0.0"})
    void theQdqModelSaysWhatTheFileBesideItSays(String version) {
        assertEquals(
                0,
                run("quantize", "m.onnx", "--data", "x.npy", "--out", "a", "--encodings-version", version)
                        .exitCode());
        JsonNode same = json(0, "encodings", "diff", "a/model.qdq.onnx", "a/model.encodings", "--format", "json");
        assertTrue(same.get("equal").asBoolean() && same.get("tensors").asInt() >= 4, same::toString);
        JsonNode converted = json(
                0,
                "encodings",
                "convert",
                "a/model.qdq.onnx",
                "--to",
                version,
                "--out",
                "read.json",
                "--format",
                "json");
        assertEquals("qdq", converted.get("from").asString());
        assertEquals(0, converted.get("omitted").size());
        assertTrue(json(0, "encodings", "diff", "read.json", "a/model.encodings", "--format", "json")
                .get("equal")
                .asBoolean());
    }

    @Test
    void aQdqModelIsAppliedAsItIs() throws IOException {
        assertEquals(
                0, run("quantize", "m.onnx", "--data", "x.npy", "--out", "a").exitCode());
        CommandLineRun checked = run("encodings", "check", "a/model.qdq.onnx", "--model", "a/model.float.onnx");
        assertEquals(0, checked.exitCode(), checked.err());
        CommandLineRun again =
                run("quantize", "a/model.float.onnx", "--quantization-overrides", "a/model.qdq.onnx", "--out", "b");
        assertEquals(0, again.exitCode(), again.err());
        assertArrayEquals(bytes("a/model.qdq.onnx"), bytes("b/model.qdq.onnx"));
        CommandLineRun none = run("encodings", "diff", "m.onnx", "a/model.encodings");
        assertEquals(2, none.exitCode());
        assertTrue(none.err().startsWith("error: 'm.onnx': the model holds no QuantizeLinear"), none.err());
    }

    @Test
    void theModelIsNamedOnce() {
        CommandLineRun twice = run("encodings", "check", "e.json", "m.onnx", "--model", "m.onnx");
        assertEquals(2, twice.exitCode());
        assertTrue(twice.err().startsWith("error: the model was named twice"), twice.err());
        CommandLineRun never = run("encodings", "check", "e.json");
        assertTrue(never.err().contains("--model MODEL"), never.err());
        assertTrue(run("encodings", "diff", "a", "b", "--model", "m.onnx").err().contains("leave --model out"));
    }

    /// A file of overrides with `content`, given to `quantize`: what the first line says.
    private String refused(String content) throws IOException {
        Files.writeString(directory.resolve("o.json"), content);
        CommandLineRun run = run(
                "quantize", "m.onnx", "--data", "x.npy", "--out", "a", "--quiet", "--quantization-overrides", "o.json");
        assertEquals(2, run.exitCode(), run.out());
        assertTrue(run.err().lines().count() == 2 && run.err().contains("\nhint: "), run.err());
        return run.err();
    }

    @Test
    void whatIsForcedIsWrittenToTheLastBitWhateverTheRecipe() throws IOException {
        Files.writeString(directory.resolve("o.json"), """
                {"activation_encodings": {"x": {"bitwidth": 8, "scale": 0.0312347, "offset": -119}},
                 "param_encodings": {"w": {"bitwidth": 4, "is_symmetric": true, "scale": 0.1234567, "offset": -8}}}""");
        Files.writeString(
                directory.resolve("r.toml"),
                "steps = [\"cle\", \"seqmse\", \"gptq\", \"refit-scales\", \"bias-correction\"]");
        JsonNode report = json(
                0,
                "quantize",
                "m.onnx",
                "--data",
                "x.npy",
                "--out",
                "a",
                "--quantization-overrides",
                "o.json",
                "--recipe",
                "r.toml",
                "--format",
                "json");
        JsonNode written = new JsonMapper().readTree(Files.readString(directory.resolve("a/model.encodings")));
        JsonNode x = named(written.get("activation_encodings"), "x");
        assertEquals(0.0312347f, (float) x.get("scale").get(0).asDouble());
        assertEquals(-119, x.get("offset").get(0).asInt());
        JsonNode w = named(written.get("param_encodings"), "w");
        assertEquals(0.1234567f, (float) w.get("scale").get(0).asDouble());
        assertEquals(4, w.get("bw").asInt());
        assertTrue(report.get("passes").toString().contains("the overrides give its scales"), report::toString);
    }

    private static JsonNode named(JsonNode entries, String name) {
        for (JsonNode entry : entries) {
            if (entry.get("name").asString().equals(name)) {
                return entry;
            }
        }
        throw new AssertionError(name + " is not among " + entries);
    }

    @Test
    void damagedFilesSayWhere() throws IOException {
        assertTrue(refused("{\n\"param_encodings\": {},").contains("see line 2"));
        assertTrue(
                refused("{\"param_encodings\": {\"w\": {\"dytpe\": \"int8\"}}}").contains("unknown key 'dytpe'"));
        assertTrue(refused("{\"param_encodings\": {\"w\": {\"dtype\": \"int8\"}, \"w\": {\"dtype\": \"int4\"}}}")
                .contains("Duplicate"));
        String number = refused("{\"param_encodings\": {\"w\": {\"bitwidth\": 8, \"min\": NaN, \"max\": 1}}}");
        assertTrue(number.contains("'NaN'") && !number.contains("Feature"), number);
    }

    @Test
    void aSupergroupThatChangesNothingIsSaid() throws IOException {
        Files.writeString(
                directory.resolve("o.json"),
                "{\"supergroups\": [{\"op_list\": [\"Conv\", \"Rleu\"], \"fuse\": true}]}");
        JsonNode report = json(
                0,
                "quantize",
                "m.onnx",
                "--data",
                "x.npy",
                "--out",
                "a",
                "--quantization-overrides",
                "o.json",
                "--format",
                "json");
        assertTrue(report.get("findings").toString().contains("Q114"), report::toString);
    }

    @ParameterizedTest
    @CsvSource({
        "--ladder, --ladder needs --data",
        "--run-dir=r, --run-dir needs --data",
        "--algorithms=bias-correction, --data is missing: 'bias-correction' looks at samples",
        "--recipe=w4, --data is missing"
    })
    void whatLooksAtSamplesIsRefusedWithout(String option, String said) {
        for (String[] given : new String[][] {
            {"--act-bitwidth", "float"}, {"--quantization-overrides", "a/model.encodings", "--eval-data", "x.npy"}
        }) {
            List<String> arguments = new ArrayList<>(List.of("quantize", "m.onnx", "--out", "a", option));
            arguments.addAll(List.of(given));
            CommandLineRun run = run(arguments.toArray(String[]::new));
            assertEquals(2, run.exitCode(), run.out());
            assertTrue(run.err().contains("error: " + said), run.err());
        }
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
