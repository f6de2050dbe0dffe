package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.ModelWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `estimate`, `roofline` and `fit` on small models.
class SpeedCommandsTest {
    private static final JsonMapper MAPPER = new JsonMapper();

    @TempDir
    private Path folder;

    @BeforeEach
    void models() throws IOException {
        ModelWriter.write(net(new Dim.Known(32)), folder.resolve("net.onnx"));
        ModelWriter.write(net(new Dim.Symbol("H")), folder.resolve("open.onnx"));
    }

    /// Two convolutions, the first with an activation.
    private static Model net(Dim height) {
        List<Dim> dims = List.of(new Dim.Known(1), new Dim.Known(32), height, new Dim.Known(32));
        Attribute kernel = Attribute.ofInts("kernel_shape", 3, 3);
        Attribute pads = Attribute.ofInts("pads", 1, 1, 1, 1);
        return Model.of(
                8,
                17,
                Graph.of(
                        "net",
                        List.of(
                                Node.of("/net/a/Conv", "Conv", List.of("x", "w"), List.of("a"), kernel, pads),
                                Node.of("/net/a/Relu", "Relu", List.of("a"), List.of("r")),
                                Node.of("/net/b/Conv", "Conv", List.of("r", "v"), List.of("y"), kernel, pads)),
                        List.of(weight("w", 64, 32), weight("v", 64, 64)),
                        List.of(new ValueInfo("x", new ValueType.TensorType(1, dims, null))),
                        List.of(new ValueInfo("y", new ValueType.TensorType(1, null, null)))));
    }

    private static Initializer weight(String name, long out, long in) {
        return Initializer.of(name, Tensor.of(Shape.of(out, in, 3, 3), new float[(int) (out * in * 9)]));
    }

    private CommandLineRun run(String line) {
        return CommandLineRun.of(folder, line.split(" "));
    }

    private JsonNode json(String line) {
        CommandLineRun run = run(line + " --format json");
        assertEquals(0, run.exitCode(), run.err());
        return MAPPER.readTree(run.out());
    }

    @Test
    void estimateSaysHowLongHowWrongAndWhy() {
        CommandLineRun run = run("estimate net.onnx --target sm8650");
        assertEquals(0, run.exitCode(), run.err());
        String first = run.out().lines().findFirst().orElse("");
        assertTrue(first.matches("net.onnx on sm8650, w8a8, qnn_dlc: estimated .* ms, likely .* to .* ms"), first);
        assertTrue(run.out().contains("layers wait for: "));
        assertTrue(run.out().contains("ridge at "));
        assertFalse(run.out().contains("/net/a/Conv"), "names are short where they are unique");
    }

    @Test
    void theDocumentHoldsEveryLayerAndWhatItRunsIn() {
        JsonNode model = json("estimate net.onnx --target sm8650").get("models").get(0);
        assertEquals("estimated", model.get("badge").asString());
        assertEquals(3, model.get("layers").size());
        assertEquals("/net/a/Conv", model.get("layers").get(1).get("fusedInto").asString());
        assertTrue(model.get("layers").get(0).get("fusedInto").isNull());
        assertTrue(model.get("lowMicros").asDouble() <= model.get("totalMicros").asDouble());
        assertEquals(
                "convolution-normalization-activation",
                model.get("fusions").get(0).get("rule").asString());
        assertEquals(2, model.get("memory").get("liveBytes").size());
    }

    @Test
    void severalModelsAndTargetsMakeOneTable() {
        JsonNode models =
                json("estimate net.onnx net.onnx --target sm8650,sm8750").get("models");
        assertEquals(4, models.size());
        String table = run("estimate net.onnx --target sm8650,sm8750").out();
        assertTrue(table.contains("sm8650") && table.contains("sm8750"), table);
    }

    @Test
    void precisionRuntimeAndPeaksCount() {
        double w8a8 = total("estimate net.onnx");
        assertTrue(total("estimate net.onnx --precision fp16") > w8a8);
        assertTrue(total("estimate net.onnx --runtime onnx") > w8a8);
        double quoted = total("estimate net.onnx --model roofline --peak int8=36 --bandwidth 50");
        // 32·32·(32 + 64)·64·9 products at 36 TOPS; weights, inputs and outputs at 50 GB/s are the longer.
        double bytes = 9 * 64 * (32 + 64) + 32 * 32 * (32 + 64 + 64 + 64);
        assertEquals(bytes / 50e3, quoted, 1e-6);
        assertTrue(total("estimate net.onnx --peak int8=0.1") > w8a8);
    }

    private double total(String line) {
        return json(line).get("models").get(0).get("totalMicros").asDouble();
    }

    @Test
    void aShapeThatIsGivenIsUsedAndOneThatIsNotIsAskedFor() {
        assertEquals(total("estimate net.onnx"), total("estimate open.onnx --shape x=1,32,32,32"), 1e-9);
        CommandLineRun open = run("estimate open.onnx");
        assertEquals(2, open.exitCode());
        assertTrue(open.err().contains("x") && open.err().contains("H"), open.err());
        assertTrue(open.err().contains("--shape"), open.err());
    }

    @Test
    void rooflineWritesAPageAndKeepsWhatIsThere() throws IOException {
        CommandLineRun first = run("roofline net.onnx --out page");
        assertEquals(0, first.exitCode(), first.err());
        assertTrue(first.out().contains("most lives at"), first.out());
        assertTrue(first.out().contains("each match: --fusions"), first.out());
        Path page = folder.resolve("page/roofline.html");
        assertTrue(Files.readString(page).startsWith("<!doctype html>"));
        Files.writeString(page, "mine");
        CommandLineRun again = run("roofline net.onnx --out page");
        assertEquals(2, again.exitCode());
        assertTrue(again.err().contains("--force"), again.err());
        assertEquals("mine", Files.readString(page));
        assertEquals(0, run("roofline net.onnx --out page --force").exitCode());
        assertTrue(run("roofline net.onnx --fusions").out().contains("nodes"));
    }

    @Test
    void rooflineTakesAPlainList() throws IOException {
        Files.writeString(folder.resolve("layers.csv"), "name,operations,bytes\nbig,2e9,1e6\n");
        JsonNode model = json("roofline --layers layers.csv").get("models").get(0);
        assertEquals(1, model.get("layers").size());
        assertEquals(2000, model.get("layers").get(0).get("operationsPerByte").asDouble(), 1e-9);
    }

    @Test
    void fitWritesATargetThatEstimateTakes() throws IOException {
        double before = total("estimate net.onnx --target sm8650");
        Files.writeString(
                folder.resolve("mine.csv"),
                "topology,precision,target,latency_us\nnet,w8a8,sm8650," + 2 * before + "\n");
        JsonNode fit = json("fit --measurements mine.csv --out mine.toml");
        assertEquals(1, fit.get("rows").asInt());
        assertEquals("mine.toml", fit.get("files").get(0).asString());
        double after = total("estimate net.onnx --target mine.toml");
        assertTrue(after > 1.5 * before && after < 2.1 * before, before + " " + after);
        CommandLineRun table = run("fit --measurements mine.csv --out mine.toml --force");
        assertTrue(table.err().contains("warning: all rows are of one model"), table.err());
        assertTrue(table.out().contains("rows of the fit"), table.out());
        assertTrue(run("targets mine.toml").out().contains("calibrated"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "estimate net.onnx --target sm8660 | there is no target 'sm8660' | sm8650",
                "estimate nowhere.onnx | nowhere.onnx | ",
                "estimate net.onnx --precision w9a9 | no precision 'w9a9' | w8a8",
                "estimate net.onnx --runtime qnn-dlc | no runtime 'qnn-dlc' | qnn_dlc",
                "estimate net.onnx --peak int7=3 | no peak of type 'int7' | int8",
                "estimate net.onnx --peak int8=0 | --peak must be a positive number | ",
                "estimate net.onnx --bandwidth -1 | --bandwidth must be a positive number | ",
                "estimate net.onnx --model compiler | makes no estimates for sm8650 | --model calibrated",
                "roofline | give a model, or --layers FILE | ",
                "roofline --layers nowhere.csv | nowhere.csv | ",
                "fit --measurements nowhere.csv --out m.toml | nowhere.csv | ",
                "fit --measurements net.onnx --out m.txt | no name for a target file | .toml",
            })
    void whatCannotBeDoneIsSaid(String line, String message, String hint) {
        CommandLineRun run = run(line);
        assertEquals(2, run.exitCode(), run.out());
        List<String> lines = new ArrayList<>(Arrays.asList(run.err().split("\n")));
        assertTrue(lines.getFirst().startsWith("error: ") && lines.getFirst().contains(message), run.err());
        assertTrue(lines.get(1).startsWith("hint: "), run.err());
        assertTrue(hint == null || lines.get(1).contains(hint), run.err());
    }

    @Test
    void encodingsOfAnotherModelAreRefused() throws IOException {
        Files.writeString(folder.resolve("other.encodings"), """
                {"version": "1.0.0", "excluded_layers": [], "quantizer_args": {}, "param_encodings": [],
                 "activation_encodings": [{"name": "elsewhere", "enc_type": "PER_TENSOR", "dtype": "INT", "bw": 8,
                   "is_sym": false, "scale": [0.01], "offset": [-100]}]}
                """);
        CommandLineRun run = run("estimate net.onnx --encodings other.encodings");
        assertEquals(2, run.exitCode(), run.out());
        assertTrue(run.err().contains("for another model") && run.err().contains("elsewhere"), run.err());
        Files.writeString(
                folder.resolve("own.encodings"),
                Files.readString(folder.resolve("other.encodings"))
                        .replace("elsewhere", "r")
                        .replace("\"bw\": 8", "\"bw\": 16"));
        JsonNode model = json("estimate net.onnx --encodings own.encodings")
                .get("models")
                .get(0);
        assertEquals("w8a16", model.get("layers").get(0).get("precision").asString());
    }

    @Test
    void aModelOfNoNodesIsRefused() throws IOException {
        ValueInfo through = ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 3));
        ModelWriter.write(
                Model.of(8, 17, Graph.of("empty", List.of(), List.of(), List.of(through), List.of(through))),
                folder.resolve("empty.onnx"));
        CommandLineRun run = run("estimate empty.onnx");
        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("no nodes"), run.err());
    }

    @Test
    void measurementsThatRanOnTheCpuLeaveNothingToFit() throws IOException {
        Files.writeString(
                folder.resolve("cpu.csv"),
                "topology,precision,target,latency_ms,compute_unit\nnet,w8a8,sm8650,1,CPU\n");
        CommandLineRun run = run("fit --measurements cpu.csv --out mine.toml");
        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("ran on the CPU"), run.err());
        assertFalse(Files.exists(folder.resolve("mine.toml")));
    }
}
