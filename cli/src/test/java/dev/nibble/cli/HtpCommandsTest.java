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
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// The commands that use Qualcomm's libraries: what they say without them, and what they do with them.
class HtpCommandsTest {
    @TempDir
    private Path directory;

    private Path model;
    private Path refused;

    @BeforeEach
    void writeModels() {
        model = directory.resolve("conv.onnx");
        ModelWriter.write(convThen("Relu"), model);
        ModelWriter.write(gemm(), directory.resolve("gemm.onnx"));
        refused = directory.resolve("erf.onnx");
        ModelWriter.write(convThen("Erf"), refused);
    }

    private static Model convThen(String op) {
        return Model.of(
                8,
                17,
                Graph.of(
                        "conv",
                        List.of(
                                Node.of("conv", "Conv", List.of("x", "w"), List.of("c")),
                                Node.of("last", op, List.of("c"), List.of("y"))),
                        List.of(Initializer.of("w", Tensor.of(Shape.of(2, 1, 1, 1), 2f, -1f))),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 1, 4, 4))),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 2, 4, 4)))));
    }

    private static Model gemm() {
        return Model.of(
                8,
                17,
                Graph.of(
                        "gemm",
                        List.of(Node.of("gemm", "Gemm", List.of("x", "w"), List.of("y"))),
                        List.of(Initializer.of("w", Tensor.of(Shape.of(64, 4), new float[256]))),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 64))),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 4)))));
    }

    private CommandLineRun without(String... arguments) {
        return CommandLineRun.of(directory, arguments);
    }

    private CommandLineRun with(String... arguments) {
        return CommandLineRun.onHtp(directory, arguments);
    }

    @Test
    void statusSaysWhatIsMissing() {
        JsonNode status = without("htp", "status", "--format", "json").json();
        assertFalse(status.path("found").asBoolean());
        assertEquals(4, status.path("missing").size());
        assertEquals(0, status.path("socs").size());
        assertTrue(without("htp", "status").out().contains("nibble htp install --accept-license"));
    }

    @Test
    void whatNeedsTheLibrariesSaysHowToGetThem() {
        for (List<String> command : List.of(
                List.of("compile", "conv.onnx", "--out", "out"),
                List.of("evaluate", "conv.onnx", "--data", "x.npy", "--on", "htp"),
                List.of("compare", "conv.onnx", "conv.onnx", "--data", "x.npy", "--on", "htp"),
                List.of("demo", "--on", "htp", "--out", "out"))) {
            CommandLineRun run = without(command.toArray(String[]::new));
            assertEquals(2, run.exitCode(), command.toString());
            assertTrue(run.err().startsWith("error: this needs Qualcomm's libraries"), run.err());
            assertTrue(run.err().contains("hint: nibble htp install --accept-license"), run.err());
            assertFalse(Files.exists(directory.resolve("out")));
        }
    }

    @Test
    void anotherWheelIsRefused() throws Exception {
        Files.writeString(directory.resolve("a.whl"), "no wheel");
        CommandLineRun run = without("htp", "install", "--accept-license", "--wheel", "a.whl");
        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("is not the wheel that Nibble is made for"), run.err());
    }

    @Test
    void anUnknownTargetNamesTheNearest() {
        CommandLineRun run = without("placement", "conv.onnx", "--target", "sm8560");
        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("did you mean"), run.err());
    }

    @Test
    void theRulesAreAskedWhereTheCompilerCannotBe() {
        JsonNode document = without("placement", "erf.onnx", "--format", "json").json();
        assertEquals("rules", document.path("source").asString());
        JsonNode target = document.path("targets").get(0);
        assertEquals(1, target.path("onHtp").asInt());
        assertEquals(1, target.path("onCpu").asInt());
        JsonNode node = target.path("nodes").get(0);
        assertEquals("last", node.path("name").asString());
        assertEquals("cpu", node.path("where").asString());
        assertEquals("the HTP has no such operator", node.path("reason").asString());
        assertFalse(node.path("advice").asString().isEmpty());
        assertEquals(1, without("placement", "erf.onnx", "--strict").exitCode());
        assertEquals(0, without("placement", "conv.onnx", "--strict").exitCode());
    }

    @Test
    void aChipWithoutFloatRefusesAFloatModel() {
        CommandLineRun run = without("placement", "conv.onnx", "--target", "qcs6490", "--format", "json");
        JsonNode target = run.json().path("targets").get(0);
        assertEquals(2, target.path("onCpu").asInt());
    }

    @Test
    void whereTheLibrariesAreDamagedTheRulesSaySo() throws Exception {
        Path damaged = Files.createDirectory(directory.resolve("damaged"));
        CommandLineRun run = CommandLineRun.of(directory, damaged, "placement", "conv.onnx", "--format", "json");
        assertEquals("rules", run.json().path("source").asString());
        JsonNode finding = run.json().path("findings").get(0);
        assertEquals("H104", finding.path("code").asString());
        assertEquals("warning", finding.path("severity").asString());
        assertTrue(finding.path("text").asString().contains("libQnnHtp.so"), run.out());
        assertTrue(finding.path("fix").asString().endsWith("--force"), run.out());
    }

    /// The compiler only says that it has no memory; the rules know why.
    @Test
    void whereNothingFinalizesTheRulesSayWhy() {
        JsonNode target = with("placement", "conv.onnx", "--target", "qcs6490", "--format", "json")
                .json()
                .path("targets")
                .get(0);
        assertFalse(target.path("finalized").asBoolean());
        assertEquals(0, target.path("onHtp").asInt());
        JsonNode whole = target.path("nodes").get(0);
        assertEquals("not finalizable", whole.path("where").asString());
        assertTrue(
                whole.path("advice").asString().contains("nibble quantize MODEL --target qcs6490"), whole.toString());
        assertEquals("conv", target.path("nodes").get(1).path("name").asString());
        assertTrue(target.path("nodes").get(1).path("reason").asString().contains("computes no float"));
    }

    @Test
    void theCompilerIsAsked() {
        CommandLineRun run = with("placement", "erf.onnx", "--target", "sm8550,sm8650", "--format", "json");
        JsonNode document = run.json();
        assertEquals("compiler", document.path("source").asString());
        for (JsonNode target : document.path("targets")) {
            assertEquals(1, target.path("onCpu").asInt());
            assertEquals("last", target.path("nodes").get(0).path("name").asString());
        }
        JsonNode whole = with("placement", "conv.onnx", "--format", "json")
                .json()
                .path("targets")
                .get(0);
        assertEquals(2, whole.path("onHtp").asInt());
        assertEquals(1, whole.path("partitions").asInt());
        assertTrue(whole.path("finalized").asBoolean());
    }

    /// Of such a model the plugin gives no account at all.
    @Test
    void aModelOfWhichNothingIsTakenIsAnAnswer() {
        ModelWriter.write(
                Model.of(
                        8,
                        17,
                        Graph.of(
                                "erf",
                                List.of(Node.of("only", "Erf", List.of("x"), List.of("y"))),
                                List.of(),
                                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 4))),
                                List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 4))))),
                directory.resolve("only.onnx"));
        CommandLineRun run = with("placement", "only.onnx", "--format", "json");
        JsonNode target = run.json().path("targets").get(0);
        assertEquals(1, target.path("onCpu").asInt(), run.out() + run.err());
        assertEquals(0, target.path("partitions").asInt());
        assertEquals("only", target.path("nodes").get(0).path("name").asString());
    }

    @Test
    void aBinaryIsCompiledAndTried() throws Exception {
        CommandLineRun run =
                with("compile", "conv.onnx", "--target", "sm8650,sm8750", "--out", "out", "--format", "json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode document = run.json();
        assertEquals(2, document.path("artifacts").size());
        for (JsonNode artifact : document.path("artifacts")) {
            assertTrue(artifact.path("identical").asBoolean());
            assertEquals(
                    artifact.path("bytes").asLong(),
                    Files.size(Path.of(artifact.path("path").asString())));
            assertTrue(Files.exists(Path.of(artifact.path("wrapper").asString())));
        }
        assertTrue(Files.exists(directory.resolve("out/manifest.json")));
        CommandLineRun again = with("compile", "conv.onnx", "--out", "out");
        assertTrue(again.err().contains("already exists"), again.err());
    }

    @Test
    void whatDoesNotFitAChipIsRefusedAndNothingIsWritten() {
        CommandLineRun vtcm = with("compile", "conv.onnx", "--out", "out", "--vtcm-mb", "64");
        assertTrue(vtcm.err().contains("sm8650 has 8 MB of VTCM"), vtcm.err());
        CommandLineRun mode = with("compile", "conv.onnx", "--out", "out", "--optimization", "4");
        assertTrue(mode.err().contains("takes 0 to 3"), mode.err());
        CommandLineRun whole = with("compile", "erf.onnx", "--out", "out");
        assertEquals(2, whole.exitCode());
        assertTrue(whole.err().contains("does not take the whole model"), whole.err());
        assertFalse(Files.exists(directory.resolve("out")));
    }

    @Test
    void aModelRunsOnTheEmulatorAndIsProfiled() throws Exception {
        samples();
        CommandLineRun run = with(
                "run",
                "conv.onnx",
                "--data",
                "x.npy",
                "--on",
                "htp",
                "--iterations",
                "3",
                "--soak",
                "10",
                "--perf-profile",
                "burst",
                "--profiling-level",
                "detailed",
                "--out",
                "out",
                "--format",
                "json");
        assertTrue(run.exitCode() < 2, run.err());
        JsonNode document = run.json();
        assertEquals("htp", document.path("on").asString());
        assertEquals("host", document.path("badge").asString());
        assertTrue(document.path("said").toString().contains("emulating the HTP of sm8650"), run.out());
        assertEquals("profile.csv", document.path("profileFile").asString());
        assertTrue(document.path("profile").isObject());
        assertTrue(document.path("qnnNetRun").asString().contains("--perf_profile burst"), run.out());
        // 2 channels of 16 numbers of 4 bytes.
        assertEquals(128, Files.size(directory.resolve("out/output/Result_0/y.raw")));
        assertTrue(Files.size(directory.resolve("out/profile.csv")) > 0);
        assertEquals(10, document.path("soak").path("iterations").asInt());
    }

    /// Two samples of 1×4×4 floats.
    private void samples() throws Exception {
        String header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1, 4, 4), }";
        header += " ".repeat(118 - 1 - header.length()) + "\n";
        ByteBuffer bytes = ByteBuffer.allocate(128 + 32 * 4).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put((byte) 0x93)
                .put("NUMPY".getBytes(StandardCharsets.US_ASCII))
                .put((byte) 1)
                .put((byte) 0);
        bytes.putShort((short) 118).put(header.getBytes(StandardCharsets.US_ASCII));
        for (int i = 0; i < 32; i++) {
            bytes.putFloat(i);
        }
        Files.write(directory.resolve("x.npy"), bytes.array());
    }

    @Test
    void whatAnOldHtpCannotDoIsRefusedBeforeAnySampleIsRead() {
        for (List<String> wish : List.of(
                // Rules of V68, of V69, and of a chip without float.
                List.of("sm8350", "--weights-bitwidth", "16", "--act-bitwidth", "16", "16-bit weights come with v73"),
                List.of("sm8450", "--weights-bitwidth", "16", "--act-bitwidth", "16", "16-bit weights come with v73"),
                List.of(
                        "sm8350",
                        "--weight-granularity",
                        "block:32",
                        "--act-bitwidth",
                        "16",
                        "blocked weights come with v69"),
                List.of("qcs6490", "--weight-granularity", "tensor", "--act-bitwidth", "float", "computes no float"))) {
            List<String> command =
                    new ArrayList<>(List.of("quantize", "gemm.onnx", "--data", "none.npy", "--out", "out"));
            command.add("--target");
            command.addAll(wish.subList(0, wish.size() - 1));
            CommandLineRun run = without(command.toArray(String[]::new));
            assertEquals(2, run.exitCode());
            assertTrue(run.err().contains(wish.getLast()), wish + ": " + run.err());
            assertTrue(run.err().contains("'gemm'"), run.err());
            assertTrue(run.err().contains("--target from v73 on"), run.err());
        }
        CommandLineRun taken =
                without("quantize", "gemm.onnx", "--data", "none.npy", "--out", "out", "--target", "sm8350");
        assertTrue(taken.err().contains("none.npy"), taken.err());
    }

    /// A window of Swin's: eight axes of which few are larger than 1, and a nearest Resize.
    @Test
    void whatIsNotTakenIsRewrittenAndProved() {
        ModelWriter.write(
                Model.of(
                        8,
                        17,
                        Graph.of(
                                "window",
                                List.of(
                                        Node.of("cut", "Reshape", List.of("x", "six"), List.of("c")),
                                        Node.of(
                                                "turn",
                                                "Transpose",
                                                List.of("c"),
                                                List.of("t"),
                                                Attribute.ofInts("perm", 0, 1, 3, 5, 2, 4)),
                                        Node.of("join", "Reshape", List.of("t", "four"), List.of("j")),
                                        Node.of(
                                                "grow",
                                                "Resize",
                                                List.of("j", "", "scales"),
                                                List.of("y"),
                                                Attribute.of("nearest_mode", "round_prefer_floor"),
                                                Attribute.of("coordinate_transformation_mode", "half_pixel"))),
                                List.of(
                                        Initializer.of("six", Tensor.of(Shape.of(6), 1L, 3, 4, 2, 4, 2)),
                                        Initializer.of("four", Tensor.of(Shape.of(4), 1L, 12, 4, 4)),
                                        Initializer.of("scales", Tensor.of(Shape.of(4), 1f, 1, 1.5f, 1.5f))),
                                List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 3, 8, 8))),
                                List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 12, 6, 6))))),
                directory.resolve("window.onnx"));
        JsonNode before =
                without("placement", "window.onnx", "--format", "json").json();
        assertTrue(before.path("targets").get(0).path("onCpu").asInt() > 0, before.toString());
        CommandLineRun run = without("placement", "window.onnx", "--apply", "fit.onnx", "--strict", "--format", "json");
        assertEquals(0, run.exitCode(), run.out() + run.err());
        JsonNode after = run.json();
        assertEquals(0, after.path("targets").get(0).path("onCpu").asInt());
        assertTrue(after.path("findings").toString().contains("with fewer axes; both models give the same"), run.out());
        assertTrue(
                after.path("findings").toString().contains("computes soundly; both models give the same"), run.out());
        assertTrue(Files.exists(directory.resolve("fit.onnx")));
        assertTrue(
                without("placement", "window.onnx", "--apply", "fit.onnx").err().contains("already exists"));
    }
}
