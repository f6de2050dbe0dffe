package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.io.ModelReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The contract of `quantize` from outside: files, JSON, exit codes.
class QuantizeCommandTest {
    private static final List<String> FILES =
            List.of("model.encodings", "model.float.onnx", "model.qdq.onnx", "report.html", "report.json");

    @TempDir
    private Path directory;

    @BeforeEach
    void write() throws IOException {
        TestModels.classifier(directory.resolve("m.onnx"));
        TestModels.samples(directory.resolve("x.npy"), 220, TestModels.FEATURES);
        TestModels.labels(directory.resolve("y.npy"), 220, 0);
    }

    /// Weights need no samples: the file is written, and the verdict says that nothing was measured.
    @Test
    void quantizesWeightsAloneWithoutSamples() throws IOException {
        CommandLineRun run = CommandLineRun.of(
                directory, "quantize", "m.onnx", "--act-bitwidth", "float", "--out", "out", "--format", "json");
        assertEquals(0, run.exitCode(), run.err());
        assertEquals(FILES, names("out"));
        JsonNode json = JsonMapper.shared().readTree(run.out());
        assertEquals("W8Afloat", json.at("/precision").asString());
        assertEquals(0, json.at("/samples/calibration").asInt());
        assertTrue(json.at("/metric").isMissingNode() || json.at("/metric").isNull(), run.out());
        assertEquals(2, json.at("/tensors").size(), run.out());
        assertTrue(json.at("/tensors/0/sqnrDb").asDouble() > 30, run.out());
        assertTrue(json.at("/findings").findValuesAsString("code").contains("M106"), run.out());
        Graph written =
                ModelReader.read(directory.resolve("out/model.qdq.onnx")).graph();
        assertEquals(
                2,
                written.nodes().stream().filter(n -> n.is("DequantizeLinear")).count());
        assertEquals(
                0, written.nodes().stream().filter(n -> n.is("QuantizeLinear")).count());
        CommandLineRun evaluated = CommandLineRun.of(
                directory, "evaluate", "out/model.qdq.onnx", "--data", "x.npy", "--reference", "m.onnx");
        assertEquals(0, evaluated.exitCode(), evaluated.err());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--act-bitwidth 8|--data is missing: the ranges of activations are found on samples",
                "--act-bitwidth float --algorithms gptq|--data is missing: 'gptq' looks at samples",
                "--act-bitwidth float --eval-data x.npy|samples to measure with were given, but none with --data"
            })
    void saysWhatSamplesAreNeededFor(String options, String message) {
        List<String> arguments = new ArrayList<>(List.of("quantize", "m.onnx", "--out", "out"));
        arguments.addAll(List.of(options.split(" ")));
        CommandLineRun run = CommandLineRun.of(directory, arguments.toArray(String[]::new));
        assertEquals(2, run.exitCode(), run.err());
        assertTrue(run.err().contains(message), run.err());
        assertTrue(run.err().contains("hint:"), run.err());
    }

    @Test
    void writesTheFilesAndTheDocumentOfTheContract() throws IOException {
        CommandLineRun run = quantize("out", "--labels", "y.npy", "--format", "json");
        assertEquals(0, run.exitCode(), run.err());
        assertEquals(FILES, names("out"));
        JsonNode json = JsonMapper.shared().readTree(run.out());
        assertEquals(JsonMapper.shared().readTree(Files.readString(directory.resolve("out/report.json"))), json);

        assertEquals("m.onnx", json.at("/model/path").asString());
        assertEquals(
                sha256(directory.resolve("m.onnx")), json.at("/model/sha256").asString());
        assertEquals(13, json.at("/model/opset").asInt());
        assertEquals("sm8650", json.at("/target").asString());
        assertEquals(220, json.at("/samples/calibration").asInt());
        assertEquals(220, json.at("/samples/evaluation").asInt());
        assertEquals("top1", json.at("/metric/name").asString());
        assertEquals(1.0, json.at("/metric/float").asDouble());
        double quantized = json.at("/metric/quantized").asDouble();
        assertEquals(1.0 - quantized, json.at("/metric/drop").asDouble(), 1e-12);
        assertTrue(json.at("/metric/ci95").isArray() || json.at("/metric/ci95").isObject(), run.out());
        assertEquals(220, json.at("/metric/n").asInt());
        assertTrue(json.at("/sqnrDb").asDouble() > 20, run.out());
        assertTrue(json.at("/cosine").asDouble() > 0.99, run.out());
        assertEquals("off", json.at("/optimization").asString());
        assertTrue(json.at("/default/sqnrDb").isNumber(), run.out());
        for (JsonNode file : json.at("/files")) {
            Path written = directory.resolve("out").resolve(file.at("/path").asString());
            assertEquals(sha256(written), file.at("/sha256").asString(), written.toString());
            assertEquals(Files.size(written), file.at("/bytes").asLong(), written.toString());
        }
        for (String name : List.of("model.qdq.onnx", "model.float.onnx", "model.encodings")) {
            assertTrue(json.at("/files").findValuesAsString("path").contains(name), name);
        }
        for (String part : List.of("load", "calibrate", "quantize", "evaluate", "total")) {
            assertTrue(json.at("/timings/" + part + "Seconds").asDouble() >= 0, part);
        }
        assertTrue(json.at("/peakRssBytes").asLong() > 10_000_000);
        for (String list : List.of("skipped", "findings")) {
            assertTrue(json.at("/" + list).isArray(), list);
        }
        JsonNode input = null;
        for (JsonNode tensor : json.at("/tensors")) {
            input = tensor.at("/name").asString().equals("x") ? tensor : input;
        }
        assertEquals(8, input.at("/bits").asInt());
        assertTrue(input.at("/scale").isNumber() && input.at("/zeroPoint").isNumber(), input.toString());
        assertTrue(input.at("/min").asDouble() < 0 && input.at("/max").asDouble() > 0, input.toString());
        assertFalse(input.at("/calibrator").asString().isEmpty(), input.toString());
    }

    @Test
    void weightsAreStoredAsIntegersAndTheTwinKeepsTheirGrid() {
        assertEquals(0, quantize("out").exitCode());
        Graph qdq = ModelReader.read(directory.resolve("out/model.qdq.onnx")).graph();
        long matrices = qdq.initializers().stream()
                .filter(i -> i.shape().rank() == 2)
                .peek(i -> assertEquals(DataType.INT8, i.tensor().type(), i.name()))
                .count();
        assertEquals(2, matrices);
        assertEquals(DataType.FLOAT, qdq.type("x").orElseThrow());
        assertEquals(DataType.FLOAT, qdq.type("y").orElseThrow());
        Graph twin = ModelReader.read(directory.resolve("out/model.float.onnx")).graph();
        assertTrue(twin.nodes().stream().noneMatch(n -> n.opType().contains("Quantize")));
    }

    @ParameterizedTest
    @CsvSource({
        "W8A8, 8, 8, channel",
        "W8A8, 8, 8, tensor",
        "W8A16, 8, 16, channel",
        "W4A8, 4, 8, channel",
        "W4A16, 4, 16, block:4",
        "W16A16, 16, 16, channel",
        "W8Afloat, 8, float, channel",
    })
    void everyPrecisionIsMeasuredAndNamed(String name, String weights, String activations, String granularity)
            throws IOException {
        CommandLineRun run = quantize(
                "out", "--weights-bitwidth", weights, "--act_bw", activations, "--weight-granularity", granularity);
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.out().startsWith(name + " "), run.out());
        JsonNode json = report("out");
        // Eight numbers into eight: four bits give some 20 dB there, eight some 40.
        assertTrue(
                json.at("/sqnrDb").asDouble() > (weights.equals("4") ? 12 : 28),
                json.at("/sqnrDb").toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"0.6.1", "1.0.0", "2.0.0"})
    void encodingsHaveTheVersionAskedFor(String version) throws IOException {
        assertEquals(0, quantize("out", "--encodings-version", version).exitCode());
        JsonNode json = JsonMapper.shared().readTree(Files.readString(directory.resolve("out/model.encodings")));
        assertEquals(version, json.at("/version").asString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"8", "16"})
    void integerEdgesAreMeasuredLikeFloatOnes(String bits) throws IOException {
        assertEquals(0, quantize("float", "--act-bitwidth", bits).exitCode());
        CommandLineRun run = quantize("integers", "--act-bitwidth", bits, "--io", "quantized");
        assertEquals(0, run.exitCode(), run.err());
        Graph graph =
                ModelReader.read(directory.resolve("integers/model.qdq.onnx")).graph();
        DataType type = bits.equals("8") ? DataType.UINT8 : DataType.UINT16;
        assertEquals(type, graph.type("x").orElseThrow());
        assertEquals(type, graph.type("y").orElseThrow());
        // The same arithmetic behind other edges.
        assertEquals(report("float").at("/sqnrDb"), report("integers").at("/sqnrDb"));
        CommandLineRun evaluated = CommandLineRun.of(
                directory, "evaluate", "integers/model.qdq.onnx", "--data", "x.npy", "--labels", "y.npy");
        assertEquals(0, evaluated.exitCode(), evaluated.err());
        CommandLineRun compared = CommandLineRun.of(
                directory, "compare", "integers/model.float.onnx", "integers/model.qdq.onnx", "--data", "x.npy");
        assertEquals(0, compared.exitCode(), compared.err());
    }

    @Test
    void theSameCommandGivesTheSameBytesWhateverTheThreadsAndBatches() throws IOException {
        assertEquals(0, quantize("a", "--threads", "1").exitCode());
        List<List<String>> others =
                List.of(List.of("--threads", "1"), List.of("--threads", "3"), List.of("--batch", "7"));
        for (int i = 0; i < others.size(); i++) {
            assertEquals(
                    0, quantize("b" + i, others.get(i).toArray(String[]::new)).exitCode());
            for (String file : List.of("model.qdq.onnx", "model.float.onnx", "model.encodings")) {
                assertArrayEquals(
                        Files.readAllBytes(directory.resolve("a").resolve(file)),
                        Files.readAllBytes(directory.resolve("b" + i).resolve(file)),
                        file + " with " + others.get(i));
            }
        }
    }

    @Test
    void whatExistsStaysWithoutForceAndNothingElseIsTouched() throws IOException {
        Files.createDirectory(directory.resolve("out"));
        Files.writeString(directory.resolve("out/report.json"), "precious");
        Files.writeString(directory.resolve("out/notes.txt"), "mine");
        CommandLineRun refused = quantize("out");
        assertEquals(2, refused.exitCode());
        assertTrue(refused.err().contains("out/report.json' already exists\nhint: "), refused.err());
        assertEquals("precious", Files.readString(directory.resolve("out/report.json")));
        assertEquals(List.of("notes.txt", "report.json"), names("out"));

        assertEquals(0, quantize("out", "--force").exitCode());
        List<String> all = new ArrayList<>(FILES);
        all.add(1, "notes.txt");
        assertEquals(all.stream().sorted().toList(), names("out"));
        assertEquals("mine", Files.readString(directory.resolve("out/notes.txt")));
    }

    @Test
    void gatesEndWithOneAndLeaveTheFiles() {
        CommandLineRun run = quantize("out", "--min-sqnr", "95", "--min-cosine", "0.9999999");
        assertEquals(1, run.exitCode());
        assertTrue(run.err().contains("less than --min-sqnr 95.0"), run.err());
        assertTrue(run.err().contains("less than --min-cosine 0.9999999"), run.err());
        assertEquals(FILES, names("out"));
        assertEquals(
                0,
                quantize("good", "--labels", "y.npy", "--max-drop", "20", "--min-sqnr", "15")
                        .exitCode());
        CommandLineRun unknown = quantize("unlabelled", "--max-drop", "1");
        assertNotEquals(0, unknown.exitCode());
        assertTrue(unknown.err().contains("labels"), unknown.err());
    }

    @Test
    void theNextCommandRuns() throws IOException {
        assertEquals(0, quantize("out folder", "--scale", "2").exitCode());
        String command = report("out folder").at("/next/0/command").asString();
        assertTrue(command.startsWith("nibble compare '"), command);
        assertTrue(command.endsWith("--scale 2.0"), command);
        List<String> words = new ArrayList<>();
        for (String word : command.substring("nibble ".length()).split(" (?=(?:[^']*'[^']*')*[^']*$)")) {
            words.add(word.replace("'", ""));
        }
        CommandLineRun run = CommandLineRun.of(directory, words.toArray(String[]::new));
        assertEquals(0, run.exitCode(), run.err());
    }

    @Test
    void theReportStandsAlone() throws IOException {
        assertEquals(0, quantize("out", "--labels", "y.npy").exitCode());
        String html = Files.readString(directory.resolve("out/report.html"));
        assertTrue(html.contains("nibble quantize m.onnx --data x.npy"), "the line to reproduce it");
        assertFalse(html.matches("(?s).*(src|href)=[\"']https?://.*"), "nothing is loaded from elsewhere");
    }

    @Test
    void quietPrintsTheResultAlone() {
        CommandLineRun run = quantize("out", "--quiet");
        assertEquals("", run.err());
        assertTrue(run.out().startsWith("W8A8 "), run.out());
    }

    private CommandLineRun quantize(String out, String... more) {
        List<String> arguments = new ArrayList<>(List.of("quantize", "m.onnx", "--data", "x.npy", "--out", out));
        arguments.addAll(List.of(more));
        return CommandLineRun.of(directory, arguments.toArray(String[]::new));
    }

    private JsonNode report(String out) throws IOException {
        return JsonMapper.shared()
                .readTree(Files.readString(directory.resolve(out).resolve("report.json")));
    }

    private List<String> names(String folder) {
        try (Stream<Path> files = Files.list(directory.resolve(folder))) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static String sha256(Path file) throws IOException {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
