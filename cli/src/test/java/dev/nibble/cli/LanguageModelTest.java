package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// What two language models write, on models that know six tokens and look at the last one alone: so what follows is
/// known beforehand.
class LanguageModelTest {
    private static final int VOCABULARY = 6;
    private static final String[] EVALUATE = {
        "evaluate", "other.onnx", "--reference", "model.onnx", "--data", "ids.npy", "--lengths", "lengths.npy"
    };

    @TempDir
    private Path directory;

    /// After each token the next one comes, after the last the first; in the other model 5 comes after 3.
    @BeforeEach
    void write() throws IOException {
        model("model.onnx", -1, 4);
        model("other.onnx", -1, 5);
        longs("ids.npy", "3,4", 0, 1, 2, 3, 0, 1, 5, 5, 4, 5, 0, 0);
        longs("lengths.npy", "3", 4, 4, 2);
    }

    private void model(String name, long length, int afterThree) throws IOException {
        float[] table = new float[VOCABULARY * VOCABULARY];
        for (int token = 0; token < VOCABULARY; token++) {
            table[token * VOCABULARY + (token == 3 ? afterThree : (token + 1) % VOCABULARY)] = 4;
        }
        Dim tokens = length < 0 ? new Dim.Symbol("T") : new Dim.Known(length);
        Dim batch = new Dim.Symbol("N");
        Graph graph = Graph.of(
                "bigram",
                List.of(
                        Node.of("look", "Gather", List.of("table", "input_ids"), List.of("rows")),
                        Node.of("scores", "MatMul", List.of("rows", "head"), List.of("logits"))),
                List.of(
                        Initializer.of("table", Tensor.of(Shape.of(VOCABULARY, VOCABULARY), table)),
                        Initializer.of("head", Tensor.of(Shape.of(VOCABULARY, VOCABULARY), identity()))),
                List.of(new ValueInfo("input_ids", type(DataType.INT64, batch, tokens))),
                List.of(new ValueInfo("logits", type(DataType.FLOAT, batch, tokens, new Dim.Known(VOCABULARY)))));
        ModelWriter.write(Model.of(8, 13, graph), directory.resolve(name));
    }

    private static ValueType type(DataType type, Dim... dims) {
        return new ValueType.TensorType(type.code(), List.of(dims), null);
    }

    private static float[] identity() {
        float[] values = new float[VOCABULARY * VOCABULARY];
        for (int i = 0; i < VOCABULARY; i++) {
            values[i * VOCABULARY + i] = 1;
        }
        return values;
    }

    private void longs(String name, String dims, long... values) throws IOException {
        ByteBuffer data = ByteBuffer.allocate(values.length * 8).order(ByteOrder.LITTLE_ENDIAN);
        for (long value : values) {
            data.putLong(value);
        }
        TestModels.npy(directory.resolve(name), "<i8", dims + ",", data.array());
    }

    private CommandLineRun run(String[] arguments, String... more) {
        String[] all = Stream.of(arguments, more).flatMap(Arrays::stream).toArray(String[]::new);
        return CommandLineRun.of(directory, all);
    }

    @Test
    void tokensThatEqualTheReferencesAreCounted() {
        CommandLineRun run = run(EVALUATE, "--generate", "6", "--format", "json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode generated = run.json().get("generated");
        // The first two samples begin with the same two tokens: one prompt. The third sample has two, half is one.
        assertEquals(2, generated.get("prompts").asInt());
        assertEquals(6, generated.get("tokens").asInt());
        JsonNode first = generated.get("samples").get(0);
        assertEquals("0 1", first.get("prompt").asString());
        assertEquals("2 3 4 5 0 1", first.get("reference").asString());
        assertEquals("2 3 5 0 1 2", first.get("text").asString());
        assertEquals(2, first.get("firstDifference").asInt());
        JsonNode second = generated.get("samples").get(1);
        assertEquals("4", second.get("prompt").asString());
        assertEquals("5 0 1 2 3 4", second.get("reference").asString());
        assertEquals("5 0 1 2 3 5", second.get("text").asString());
        assertEquals(7.0 / 12, generated.get("share").asDouble(), 1e-12);
        assertEquals(0, generated.get("identical").asInt());
        assertFalse(generated.get("decoded").asBoolean());
    }

    @Test
    void theTerminalShowsBothSideBySide() {
        CommandLineRun run = run(EVALUATE, "--generate", "6");
        assertTrue(run.out().contains("58.33 % of 12 tokens are the reference's"), run.out());
        assertTrue(run.out().contains("reference: 2 3 4 5 0 1"), run.out());
        assertTrue(run.out().contains("model: 2 3 5 0 1 2"), run.out());
    }

    @Test
    void aVocabularyTurnsTokensIntoText() throws IOException {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.write(word(4));
        for (String piece : new String[] {"<unk>", "<s>", "</s>", "a", "<0x21>", " b"}) {
            byte[] bytes = piece.getBytes(StandardCharsets.UTF_8);
            file.write(new byte[4]);
            file.write(word(bytes.length));
            file.write(bytes);
        }
        Files.write(directory.resolve("tokenizer.bin"), file.toByteArray());
        JsonNode generated = run(EVALUATE, "--generate", "6", "--tokenizer", "tokenizer.bin", "--format", "json")
                .json()
                .get("generated");
        assertTrue(generated.get("decoded").asBoolean());
        assertEquals("a! b", generated.get("samples").get(0).get("reference").asString());
        assertEquals("a b", generated.get("samples").get(0).get("text").asString());
    }

    private static byte[] word(int value) {
        return ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array();
    }

    @Test
    void aModelOfFixedLengthWritesAsFarAsItReaches() throws IOException {
        model("model.onnx", 5, 4);
        model("other.onnx", 5, 5);
        CommandLineRun run = run(EVALUATE, "--generate", "9", "--format", "json");
        assertEquals(0, run.exitCode(), run.err());
        assertEquals(3, run.json().get("generated").get("tokens").asInt());
        assertEquals(
                "2 3 4",
                run.json()
                        .get("generated")
                        .get("samples")
                        .get(0)
                        .get("reference")
                        .asString());
        assertTrue(run.out().contains("after each prompt 3 tokens were written, not 9"), run.out());
    }

    @Test
    void nothingIsWrittenUnlessTwoModelsCanBeCompared() {
        JsonNode none = run(EVALUATE, "--generate", "0", "--format", "json").json();
        assertTrue(none.get("generated").isNull());
        CommandLineRun alone = CommandLineRun.of(
                directory,
                "evaluate",
                "model.onnx",
                "--data",
                "ids.npy",
                "--lengths",
                "lengths.npy",
                "--generate",
                "5");
        assertEquals(2, alone.exitCode());
        assertTrue(alone.err().contains("--reference FLOAT.onnx"), alone.err());
        CommandLineRun negative = run(EVALUATE, "--generate", "-1");
        assertEquals(2, negative.exitCode());
        assertTrue(negative.err().contains("--generate must be 0 to 10000 tokens, but was -1"), negative.err());
    }

    @Test
    void quantizeReportsWhatBothWrite() throws IOException {
        CommandLineRun run = CommandLineRun.of(
                directory,
                "quantize",
                "model.onnx",
                "--data",
                "ids.npy",
                "--lengths",
                "lengths.npy",
                "--generate",
                "6",
                "--out",
                "out",
                "--format",
                "json");
        assertEquals(0, run.exitCode(), run.err());
        JsonNode generated = run.json().get("generated");
        // 8 bits are enough to tell 4 from 0.
        assertEquals(1.0, generated.get("share").asDouble());
        assertEquals(2, generated.get("identical").asInt());
        assertTrue(Files.readString(directory.resolve("out/report.html")).contains("2 3 4 5 0 1"));
        CommandLineRun measured = CommandLineRun.of(
                directory,
                "evaluate",
                "out/model.qdq.onnx",
                "--data",
                "ids.npy",
                "--lengths",
                "lengths.npy",
                "--format",
                "json");
        assertEquals("nextTokenLoss", measured.json().get("metric").asString(), "a quantized table is a table as well");
    }

    @Test
    void anIdOutsideTheTableIsNamedWithItsSample() throws IOException {
        longs("ids.npy", "3,4", 0, 1, 2, 3, 0, 1, 7, 5, 4, 5, 0, 0);
        CommandLineRun run = run(EVALUATE);
        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("sample 1"), run.err());
        assertTrue(run.err().contains("7"), run.err());
        assertTrue(run.err().contains("hint: "), run.err());
    }

    @Test
    void aSampleWithoutTokensIsNamed() throws IOException {
        longs("lengths.npy", "3", 4, 0, 2);
        CommandLineRun run = run(EVALUATE);
        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("sample 1"), run.err());
        assertTrue(run.err().contains("hint: "), run.err());
    }

    @Test
    void aLengthThatTheModelDoesNotTakeIsRefused() throws IOException {
        model("model.onnx", 3, 4);
        model("other.onnx", 3, 5);
        CommandLineRun run = run(EVALUATE, "--max-length", "4");
        assertEquals(2, run.exitCode());
        assertTrue(run.err().contains("--max-length 4 is more than the 3 "), run.err());
        assertTrue(run.err().contains("hint: "), run.err());
    }
}
