package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ProfileCommandTest {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();

    @TempDir
    private Path folder;

    private static String shared(String path) {
        String told = System.getenv("NIBBLE_SHARED");
        Path found = told == null ? null : Path.of(told);
        for (Path at = Path.of("").toAbsolutePath(); found == null && at != null; at = at.getParent()) {
            if (Files.isDirectory(at.resolve("shared/npu/profiles"))) {
                found = at.resolve("shared");
            }
        }
        Assumptions.assumeTrue(found != null, "the folder `shared` is not beside the project");
        return Objects.requireNonNull(found).resolve(path).toString();
    }

    private static String profile(String name) {
        return shared("npu/profiles/" + name);
    }

    private JsonNode json(String... arguments) {
        CommandLineRun run = CommandLineRun.of(folder, arguments);
        assertEquals(0, run.exitCode(), run.err());
        return MAPPER.readTree(run.out());
    }

    @Test
    void jsonHasTheFieldsOfTheContract() {
        JsonNode one = json("profile", profile("ort-qnn-detailed-fallback.csv"), "--format", "json");
        assertEquals("ort-qnn-csv", one.get("dialect").asString());
        assertEquals(2, one.get("runs").asInt());
        assertEquals(41285, one.get("totalMicros").asDouble());
        assertEquals(5019373.5, one.get("totalCycles").asDouble());
        assertEquals(85165, one.get("phases").get("finalizeMicros").asDouble());
        JsonNode body = one.get("nodes").get(8);
        assertEquals("body/Conv_token_7", body.get("name").asString());
        assertEquals(4500952, body.get("cycles").asDouble());
        assertFalse(body.has("micros"), "cycles are never turned into time");
        assertEquals("htp", body.get("where").asString());
    }

    @Test
    void anOpTraceJoinsTheProfileBesideIt() {
        CommandLineRun run = CommandLineRun.of(
                folder, "profile", profile("ort-qnn-detailed-fallback.csv"), profile("qnn-op-trace-fallback.json"));
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.out().contains("Conv2d"), run.out());
        assertTrue(run.out().contains("middle/Hardmax (Hardmax): Operators of type `Hardmax`"), run.out());
        assertTrue(run.out().contains("replace it by ArgMax and OneHot"), run.out());
    }

    @Test
    void theModelGivesNamesAndTheEstimate() {
        JsonNode one = json(
                "profile",
                profile("ort-qnn-detailed-estimate-resnet8-qcs9100.csv"),
                "--model",
                shared("interop/ort/resnet8_qdq_pc_minmax.onnx"),
                "--estimate",
                "--format",
                "json");
        JsonNode conv = one.get("nodes").get(2);
        assertEquals("Conv", conv.get("op").asString());
        assertTrue(conv.get("estimatedMicros").asDouble() > 0);
        assertTrue(conv.get("onnx").toString().contains("\"conv2d\""), conv.toString());
        CommandLineRun other = CommandLineRun.of(
                folder,
                "profile",
                profile("ort-qnn-detailed-fallback.csv"),
                "--model",
                shared("interop/ort/resnet8_qdq_pc_minmax.onnx"));
        assertEquals(2, other.exitCode());
        assertTrue(other.err().contains("is of another model"), other.err());
    }

    @Test
    void comparingSaysWhatChanged() throws IOException {
        Path before = folder.resolve("before.txt");
        Path after = folder.resolve("after.txt");
        Files.writeString(before, "Node a execute 10 us\nNode b execute 20 us\nNode c execute 5 us\n");
        Files.writeString(after, "Node a execute 30 us\nNode b execute 20 us\nNode d execute 1 us\n");
        JsonNode changes = json("profile", "after.txt", "--against", "before.txt", "--format", "json")
                .get("comparison")
                .get("changes");
        assertEquals("a", changes.get(0).get("name").asString());
        assertEquals("slower", changes.get(0).get("fate").asString());
        assertEquals("gone", changes.get(1).get("fate").asString());
        assertEquals("new", changes.get(2).get("fate").asString());
        assertEquals("same", changes.get(3).get("fate").asString());
    }

    @Test
    void filesAppearWhole() throws IOException {
        String hostile = "Node <script>alert(1)</script> execute 10 us\nNode b execute 20 us\n";
        Files.writeString(folder.resolve("p.txt"), hostile);
        CommandLineRun run = CommandLineRun.of(folder, "profile", "p.txt", "--out", "result");
        assertEquals(0, run.exitCode(), run.err());
        String page = Files.readString(folder.resolve("result/profile.html"));
        assertTrue(page.contains("&lt;script&gt;") && !page.contains("<script"), "names are text, not markup");
        JsonNode trace = MAPPER.readTree(folder.resolve("result/trace.json"));
        assertEquals(3, trace.get("traceEvents").size());
        assertEquals(10, trace.get("traceEvents").get(2).get("ts").asDouble());
        assertEquals(
                2,
                CommandLineRun.of(folder, "profile", "p.txt", "--out", "result").exitCode());
    }

    @Test
    void logsExplainTheirErrors() {
        CommandLineRun run =
                CommandLineRun.of(folder, "profile", "--log", profile("ort-qnn-log-rejected-datatype.log"));
        assertEquals(0, run.exitCode(), run.err());
        assertTrue(run.out().contains("3110 QNN_OP_PACKAGE_ERROR_VALIDATION_FAILURE"), run.out());
        assertTrue(run.out().contains("asked for  in[0] SFIXED_POINT_16"), run.out());
    }

    @Test
    void wrongUseIsSaid() throws IOException {
        Files.writeString(folder.resolve("x.txt"), "nothing\n");
        for (String[] wrong : new String[][] {
            {"profile"},
            {"profile", "no.csv"},
            {"profile", "x.txt"},
            {"profile", "x.txt", "--estimate"},
            {"profile", "--log", "x.txt", "--out", "y"},
        }) {
            CommandLineRun run = CommandLineRun.of(folder, wrong);
            assertEquals(2, run.exitCode());
            assertTrue(run.err().startsWith("error: ") && run.err().contains("hint: "), run.err());
        }
    }
}
