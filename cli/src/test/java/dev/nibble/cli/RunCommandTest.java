package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class RunCommandTest {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final int SAMPLES = 3;

    @TempDir
    private Path folder;

    @BeforeEach
    void files() throws IOException {
        TestModels.classifier(folder.resolve("float.onnx"));
        TestModels.samples(folder.resolve("x.npy"), SAMPLES, TestModels.FEATURES);
    }

    @Test
    void outputsLatenciesAndAProfileThatCanBeReadAgain() throws IOException {
        CommandLineRun run = CommandLineRun.of(
                folder,
                "run",
                "float.onnx",
                "--data",
                "x.npy",
                "--iterations",
                "20",
                "--profiling-level",
                "detailed",
                "--perf-profile",
                "burst",
                "--out",
                "r",
                "--format",
                "json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode json = MAPPER.readTree(run.out());
        assertEquals("cpu", json.get("on").asString());
        assertEquals("host", json.get("badge").asString());
        JsonNode latency = json.get("latency");
        assertEquals(20, latency.get("n").asInt());
        assertTrue(
                latency.get("p50Micros").asDouble() <= latency.get("p99Micros").asDouble());
        assertTrue(json.get("qnnNetRun").asString().contains("--perf_profile burst"));
        assertEquals("ort-chrome-trace", json.get("profile").get("dialect").asString());
        for (int i = 0; i < SAMPLES; i++) {
            assertEquals(4L * TestModels.CLASSES, Files.size(folder.resolve("r/output/Result_" + i + "/y.raw")));
        }
        assertEquals(21, Files.readAllLines(folder.resolve("r/latency.csv")).size());
        CommandLineRun again = CommandLineRun.of(folder, "profile", "r/profile.json", "--model", "float.onnx");
        assertEquals(0, again.exitCode(), again.err());
        assertTrue(again.out().contains("20 runs"), again.out());
        assertTrue(again.out().contains("MatMul"), again.out());
    }

    @Test
    void aSoakIsJudgedAndDrawn() throws IOException {
        CommandLineRun run = CommandLineRun.of(
                folder,
                "run",
                "float.onnx",
                "--data",
                "x.npy",
                "--iterations",
                "5",
                "--soak",
                "60",
                "--out",
                "r",
                "--format",
                "json");
        JsonNode checks = MAPPER.readTree(run.out()).get("soak").get("checks");
        boolean failed = false;
        for (JsonNode check : checks) {
            failed |= check.get("passed").isBoolean() && !check.get("passed").asBoolean();
            if (check.get("name").asString().equals("outputs")) {
                assertTrue(check.get("passed").asBoolean(), check.toString());
            }
        }
        // The machine may be busy, so the latency may drift; the exit code says what the checks say.
        assertEquals(failed ? 1 : 0, run.exitCode(), run.err());
        assertTrue(Files.readString(folder.resolve("r/run.html")).contains("<polyline"));
    }

    @Test
    void whatCannotBeIsRefusedBeforeAnythingRuns() {
        String[][] wrong = {
            {"--on", "htp"},
            {"--perf-profile", "brust"},
            {"--soak", "3"},
            {"--iterations", "0"},
        };
        for (String[] options : wrong) {
            CommandLineRun run = CommandLineRun.of(
                    folder, "run", "float.onnx", "--data", "x.npy", "--out", "w", options[0], options[1]);
            assertEquals(2, run.exitCode(), String.join(" ", options));
            assertTrue(run.err().startsWith("error: ") && run.err().contains("hint: "), run.err());
            assertTrue(Files.notExists(folder.resolve("w")));
        }
    }
}
