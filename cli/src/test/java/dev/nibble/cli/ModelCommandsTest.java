package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Model;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.graph.io.ModelWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `inspect`, `simplify` and `targets` through the whole stack.
class ModelCommandsTest {
    @TempDir
    private Path directory;

    @Test
    void inspectCounts() {
        TestModels.classifier(directory.resolve("m.onnx"));
        JsonNode json = json("inspect", "m.onnx");
        assertEquals(2, json.get("ops").get("MatMul").asInt());
        assertEquals(1, json.get("ops").get("Relu").asInt());
        assertEquals(8 * 8 + 8 * 4, json.get("parameters").asInt());
        assertEquals(8 * 8 + 8 * 4, json.get("macs").asInt());
        assertEquals(13, json.get("opset").asInt());
        assertEquals("[\"N\",\"8\"]", json.get("inputs").get(0).get("shape").toString());
        assertEquals(0, json.get("weights").size());
        assertEquals(
                3 * 96,
                json("inspect", "m.onnx", "--shape", "x=3,8").get("macs").asInt());
    }

    @Test
    void finerGroupsAndMoreBitsLoseLess() {
        TestModels.slow(directory.resolve("m.onnx"), 160, 1);
        JsonNode weight = json("inspect", "m.onnx", "--weights").get("weights").get(0);
        assertEquals("w", weight.get("name").asString());
        for (int bits : new int[] {4, 8}) {
            double coarser = Double.POSITIVE_INFINITY;
            for (String granularity : new String[] {"tensor", "channel", "block:128", "block:32"}) {
                double mse = mse(weight, bits, granularity);
                assertTrue(mse > 0 && mse < coarser, weight::toString);
                coarser = mse;
            }
        }
        // One bit is 6.02 dB; four bits give 255/15 = 17 (strict: 127/7) finer steps, 25.2 dB for uniform errors.
        assertEquals(
                20 * Math.log10(127.0 / 7), 10 * Math.log10(mse(weight, 4, "tensor") / mse(weight, 8, "tensor")), 0.5);
    }

    @Test
    void inspectSaysWhatIsQuantizedAlreadyAndWhatHasNoFloats() {
        TestModels.quantized(directory.resolve("q.onnx"), 0.1f);
        assertTrue(json("inspect", "q.onnx").get("findings").toString().contains("quantized already"));
        TestModels.withoutFloats(directory.resolve("whole.onnx"));
        assertTrue(json("inspect", "whole.onnx")
                .get("findings")
                .toString()
                .contains("no convolution or matrix product of floats"));
    }

    @Test
    void inspectNamesAWeightWithNan() {
        TestModels.withNan(directory.resolve("nan.onnx"));
        JsonNode json = json("inspect", "nan.onnx", "--weights");
        assertTrue(json.get("findings").toString().contains("tensor 'w': holds NaN"), json::toString);
        assertEquals(1, json.get("weights").size());
    }

    @Test
    void inspectWorksWithoutWeights() {
        Path model = topology("bert_base_uncased_hf.onnx");
        JsonNode json = json("inspect", model.toString(), "--weights");
        assertEquals(98, json.get("ops").get("MatMul").asInt());
        assertTrue(json.get("macs").asLong() > 40_000_000_000L, json::toString);
        assertTrue(json.get("findings").toString().contains("not in the file and were not measured"), json::toString);
    }

    @Test
    void noPassesIsAPureRoundTrip() throws IOException {
        TestModels.classifier(directory.resolve("m.onnx"));
        JsonNode json = json("simplify", "m.onnx", "--out", "s.onnx", "--passes", "none");
        assertEquals(0, json.get("passes").size());
        Model before = ModelReader.read(directory.resolve("m.onnx"));
        assertArrayEquals(ModelWriter.toBytes(before), Files.readAllBytes(directory.resolve("s.onnx")));
    }

    @Test
    void simplifyChecksWhatItWrites() {
        Path model = model("cifar10_resnet20.onnx");
        JsonNode json = json("simplify", model.toString(), "--out", "sub/s.onnx");
        assertTrue(json.get("nodesAfter").asInt() < json.get("nodesBefore").asInt());
        // float32 rounding moves; SimplifyCheck.Tolerance gives the bound
        assertTrue(json.get("maxDifference").asDouble() < 1e-3, json::toString);
        assertTrue(json.get("passes")
                .valueStream()
                .anyMatch(pass -> pass.get("name").asString().equals("fold-batch-norm")
                        && pass.get("changes").size() == 19));
        assertEquals(
                json.get("output").get("sha256").asString(),
                dev.nibble.pipeline.FileDigest.sha256(directory.resolve("sub/s.onnx")));
        assertEquals("s.onnx", listing(directory.resolve("sub")));
    }

    @Test
    void simplifyRunsOnlyThePassesNamed() {
        TestModels.classifier(directory.resolve("m.onnx"));
        JsonNode json = json("simplify", "m.onnx", "--out", "s.onnx", "--passes", "remove-identity,fold-batch-norm");
        assertEquals(2, json.get("passes").size());
        CommandLineRun wrong =
                CommandLineRun.of(directory, "simplify", "m.onnx", "--out", "t.onnx", "--passes", "fold-batchnorm");
        assertEquals(2, wrong.exitCode());
        assertTrue(wrong.err().contains("did you mean 'fold-batch-norm'"), wrong.err());
        assertEquals("m.onnx s.onnx", listing(directory));
    }

    @Test
    void simplifyBindsShapes() {
        TestModels.classifier(directory.resolve("m.onnx"));
        json("simplify", "m.onnx", "--out", "s.onnx", "--shape", "x=2,8");
        assertEquals(
                "[\"2\",\"8\"]",
                json("inspect", "s.onnx").get("inputs").get(0).get("shape").toString());
    }

    @Test
    void targetsAreListedWithTheirSources() {
        JsonNode all = json("targets").get("targets");
        assertTrue(all.valueStream().anyMatch(t -> t.get("name").asString().equals("sm8650")));
        JsonNode one = json("targets", "SM8650").get("targets");
        assertEquals(1, one.size());
        assertEquals("v75", one.get(0).get("arch").get("value").asString());
        assertTrue(one.get(0).get("arch").get("source").asString().length() > 3);
        CommandLineRun wrong = CommandLineRun.of(directory, "targets", "sm8651");
        assertEquals(2, wrong.exitCode());
        assertTrue(wrong.err().contains("there is no target 'sm8651'"), wrong.err());
        assertTrue(wrong.err().contains("hint: "), wrong.err());
        assertTrue(CommandLineRun.of(directory, "targets").out().contains("Snapdragon 8 Gen 3"));
    }

    private static double mse(JsonNode weight, int bits, String granularity) {
        return weight.get("errors")
                .valueStream()
                .filter(e -> e.get("bits").asInt() == bits
                        && e.get("granularity").asString().equals(granularity))
                .findFirst()
                .orElseThrow()
                .get("mse")
                .asDouble();
    }

    private JsonNode json(String... arguments) {
        String[] all = Stream.concat(Stream.of(arguments), Stream.of("--format", "json"))
                .toArray(String[]::new);
        CommandLineRun run = CommandLineRun.of(directory, all);
        assertEquals(0, run.exitCode(), run.err());
        return JsonMapper.shared().readTree(run.out());
    }

    static String listing(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return String.join(
                    " ",
                    files.map(file -> file.getFileName().toString()).sorted().toList());
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static Path topology(String name) {
        return shared("npu/topologies/" + name);
    }

    private static Path model(String name) {
        return shared("assets/models/" + name);
    }

    private static Path shared(String name) {
        String told = System.getenv("NIBBLE_SHARED");
        Path shared = told == null ? null : Path.of(told);
        for (Path at = Path.of("").toAbsolutePath(); shared == null && at != null; at = at.getParent()) {
            if (Files.isDirectory(at.resolve("shared/assets"))) {
                shared = at.resolve("shared");
            }
        }
        Path file = shared == null ? null : shared.resolve(name);
        Assumptions.assumeTrue(file != null && Files.exists(file), "shared/" + name + " is not here");
        return file;
    }
}
