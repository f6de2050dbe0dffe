package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.ModelWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `htp-config`: what it writes is what QAIRT reads, and what it reads it tells the truth about.
class HtpConfigCommandTest {
    @TempDir
    private Path folder;

    @BeforeEach
    void model() throws IOException {
        Model model = Model.of(
                8,
                13,
                Graph.of(
                        "torch_jit",
                        List.of(Node.of(
                                "c", "Conv", List.of("x", "w"), List.of("y"), Attribute.ofInts("pads", 1, 1, 1, 1))),
                        List.of(Initializer.of("w", Tensor.of(Shape.of(8, 3, 3, 3), new float[8 * 27]))),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 3, 32, 32))),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 8, 32, 32)))));
        ModelWriter.write(model, folder.resolve("my-net.v2.onnx"));
    }

    private CommandLineRun run(String... arguments) {
        return CommandLineRun.of(folder, arguments);
    }

    private JsonNode json(String file) throws IOException {
        return new JsonMapper().readTree(Files.readString(folder.resolve(file)));
    }

    @Test
    void theTwoFilesOfACameraAreQairts() throws IOException {
        CommandLineRun run = run(
                "htp-config",
                "my-net.v2.onnx",
                "--target",
                "sm8650",
                "--scenario",
                "camera",
                "--vtcm-mb",
                "4",
                "--dlbc",
                "--optimization",
                "3",
                "--out",
                "config",
                "--format",
                "json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode outer = json("config/backend_extensions.json").get("backend_extensions");
        assertEquals(
                "libQnnHtpNetRunExtensions.so", outer.get("shared_library_path").asString());
        assertEquals("htp_config.json", outer.get("config_file_path").asString());
        JsonNode inner = json("config/htp_config.json");
        JsonNode graph = inner.get("graphs").get(0);
        assertEquals("my_net_v2", graph.get("graph_names").get(0).asString());
        assertEquals(4, graph.get("vtcm_mb").asInt());
        assertEquals(4, graph.get("hvx_threads").asInt());
        assertEquals(3, graph.get("O").asInt());
        assertEquals(1, graph.get("dlbc").asInt());
        JsonNode device = inner.get("devices").get(0);
        assertEquals(57, device.get("soc_model").asInt());
        assertEquals("v75", device.get("dsp_arch").asString());
        assertEquals(
                "sustained_high_performance",
                device.get("cores").get(0).get("perf_profile").asString());
        JsonNode said = new JsonMapper().readTree(run.out());
        String commands = said.get("commands").toString();
        assertTrue(commands.contains("--profiling_level basic"), commands);
        assertTrue(commands.contains("--config_file backend_extensions.json"), commands);
        assertEquals("57", said.get("onnxRuntime").get("soc_model").asString());
    }

    @Test
    void aBatchBurstsWithoutProfiling() {
        CommandLineRun run =
                run("htp-config", "my-net.v2.onnx", "--scenario", "batch", "--out", "config", "--format", "json");
        JsonNode said = new JsonMapper().readTree(run.out());
        String commands = said.get("commands").toString();
        assertTrue(commands.contains("--perf_profile burst"), commands);
        assertFalse(commands.contains("profiling_level"), commands);
        CommandLineRun again = run("htp-config", "--import", "config/htp_config.json", "my-net.v2.onnx");
        assertEquals(0, again.exitCode(), again.out());
        assertTrue(again.out().contains("every key is one that QAIRT reads"), again.out());
    }

    @ParameterizedTest
    @CsvSource({
        "--vtcm-mb,9,sm8650 has 8",
        "--vtcm-mb,-1,sm8650 has 8",
        "--vtcm-mb,many,--vtcm-mb",
        "--hvx-threads,99,sm8650 has 4",
        "--optimization,4,there is no optimization 4",
        "--graph,a b,no graph can be called",
        "--perf-profile,burts,there is no performance profile"
    })
    void whatTheChipDoesNotHaveIsAnError(String option, String value, String message) {
        refused(
                message,
                "my-net.v2.onnx",
                "--target",
                "sm8650",
                "--scenario",
                "batch",
                "--out",
                "config",
                option,
                value);
    }

    /// The house's error, and nothing written.
    private void refused(String said, String... arguments) {
        List<String> all = new ArrayList<>(List.of("htp-config"));
        all.addAll(Arrays.asList(arguments));
        CommandLineRun run = run(all.toArray(String[]::new));
        assertEquals(2, run.exitCode(), run.err());
        assertEquals("", run.out());
        assertTrue(run.err().startsWith("error: "), run.err());
        assertTrue(run.err().contains("\nhint: "), run.err());
        assertTrue(run.err().contains(said), run.err());
        assertFalse(run.err().contains("\tat "), run.err());
        assertFalse(Files.exists(folder.resolve("config")));
    }

    /// An archive with the one entry `model`, in which one graph is called `encoder`.
    private static byte[] dlc() {
        String zip = "UEsDBBQAAAAAAAAAAAAAAAAARAAAAEQAAAAFAAAAbW9kZWw=";
        String model = "AQAAAAAAAAAQAAAATkVURAYACAAEAAAACAAAAAQAAAABAAAADAAAAAYACAAEAAAACAAAAAQAAAAHAAAAZW5jb2RlcgA=";
        byte[] head = Base64.getDecoder().decode(zip);
        byte[] body = Base64.getDecoder().decode(model);
        byte[] file = Arrays.copyOf(head, head.length + body.length);
        System.arraycopy(body, 0, file, head.length, body.length);
        return file;
    }

    @Test
    void theGraphsNameIsTheDlcs() throws IOException {
        Files.write(folder.resolve("other.dlc"), dlc());
        CommandLineRun run =
                run("htp-config", "other.dlc", "--scenario", "camera", "--out", "config", "--format", "json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode names = json("config/htp_config.json").get("graphs").get(0).get("graph_names");
        assertEquals("[\"encoder\"]", names.toString());
        assertEquals("[]", run.json().get("findings").toString());
        CommandLineRun checked = run("htp-config", "--import", "config/htp_config.json", "my-net.v2.onnx");
        assertTrue(checked.out().contains("C105"), checked.out());
    }

    @Test
    void aDlcThatIsNoneOrOfAnotherGraphIsRefused() throws IOException {
        byte[] whole = dlc();
        Files.write(folder.resolve("other.dlc"), whole);
        Files.write(folder.resolve("cut.dlc"), Arrays.copyOf(whole, whole.length / 2));
        Files.writeString(folder.resolve("text.dlc"), "this is no archive at all, but a longer piece of text");
        refused(
                "holds no graph 'decoder', but encoder",
                "other.dlc",
                "--scenario",
                "camera",
                "--graph",
                "decoder",
                "--out",
                "config");
        refused("no DLC that can be read", "cut.dlc", "--scenario", "camera", "--out", "config");
        refused("no DLC that can be read", "text.dlc", "--scenario", "camera", "--out", "config");
        refused("none.dlc", "none.dlc", "--scenario", "camera", "--out", "config");
    }

    @Test
    void keysOfTutorialsAreSaidToDoNothing() throws IOException {
        Files.writeString(folder.resolve("htp.json"), """
                {"graphs": [{"graph_names": ["net"], "vtcm_mb": 16, "enable_dlbc": true, "hvx_thread": 2,
                             "fp16_relaxed_precision": 1, "O": 2, "finalize_config": {"P": 0}}],
                 "weight_cache_strategy": "all", "dlbc_config": 1,
                 "tiling_config": {"prefer_vtcm_tiling": true, "max_tile_height": 8},
                 "devices": [{"soc_id": 57, "dsp_arch": "v73", "cores": [{"perf_profile": "burts"}]}]}
                """);
        CommandLineRun run =
                run("htp-config", "--import", "htp.json", "my-net.v2.onnx", "--target", "sm8650", "--format", "json");
        assertEquals(1, run.exitCode(), run.err());
        JsonNode issues = new JsonMapper().readTree(run.out()).get("issues");
        String all = issues.toString();
        for (String expected : List.of(
                "\"C103\",\"severity\":\"warning\",\"path\":\"graphs[0].enable_dlbc\"",
                "\"C101\",\"severity\":\"warning\",\"path\":\"graphs[0].hvx_thread\"",
                "\"C102\",\"severity\":\"warning\",\"path\":\"graphs[0].fp16_relaxed_precision\"",
                "\"C107\",\"severity\":\"error\",\"path\":\"graphs[0].vtcm_mb\"",
                "\"C107\",\"severity\":\"error\",\"path\":\"graphs[0].finalize_config.P\"",
                "\"C103\",\"severity\":\"warning\",\"path\":\"weight_cache_strategy\"",
                "\"C103\",\"severity\":\"warning\",\"path\":\"dlbc_config\"",
                "\"C103\",\"severity\":\"warning\",\"path\":\"tiling_config.prefer_vtcm_tiling\"",
                "\"C103\",\"severity\":\"warning\",\"path\":\"tiling_config.max_tile_height\"",
                "\"C102\",\"severity\":\"warning\",\"path\":\"devices[0].soc_id\"",
                "\"C107\",\"severity\":\"error\",\"path\":\"devices[0].dsp_arch\"",
                "\"C106\",\"severity\":\"error\",\"path\":\"devices[0].cores[0].perf_profile\"",
                "\"C105\"")) {
            assertTrue(all.contains(expected), () -> expected + " is not in " + all);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"graphs\": [] /* none */}|JSON has no comments",
                "{// of a tutorial|JSON has no comments",
                "# of a tutorial|is not JSON",
                "{\"schemaVersion\": 2, \"graphs\": []}|schema version 2",
                "{\"graphs\": {\"graph_names\": [\"a\"]}}|before QAIRT 2.20",
                "[1]|no JSON object",
                "{\"graphs\": |is not JSON"
            })
    void whatQairtWouldRefuseIsAnError(String text, String message) throws IOException {
        Files.writeString(folder.resolve("htp.json"), text);
        refused(message, "--import", "htp.json");
    }

    @Test
    void explainTellsTheStory() {
        CommandLineRun run = run("explain", "n301");
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.out().startsWith("N301: the input is normalized on the device (note)"), run.out());
        assertTrue(run("explain", "N999").err().contains("there is no finding 'N999'"));
    }
}
