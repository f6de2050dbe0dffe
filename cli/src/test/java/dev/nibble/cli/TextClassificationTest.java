package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/// Classes of texts through the whole stack: a column of labels, top-1 against float, and labels that do not fit.
class TextClassificationTest {
    private static final int TEXTS = 240;

    @TempDir
    private Path directory;

    @BeforeEach
    void write() throws IOException {
        TextModels.classifier(directory.resolve("m.onnx"), -1);
        TextModels.tokenizer(directory.resolve("t.json"), TextModels.WORDS, true);
        Random random = new Random(3);
        List<String> csv = new ArrayList<>(List.of("id,sentence,label"));
        List<String> jsonl = new ArrayList<>();
        for (int i = 0; i < TEXTS; i++) {
            int bad = random.nextInt(4);
            String text = TextModels.text(random, 6, bad);
            int label = Math.min(bad, TextModels.CLASSES - 1);
            csv.add("%d,%s,%d".formatted(i, text, label));
            jsonl.add("{\"text\": \"%s\", \"label\": %d}".formatted(text, label));
        }
        Files.write(directory.resolve("x.csv"), csv);
        Files.write(directory.resolve("x.jsonl"), jsonl);
    }

    private CommandLineRun run(String command, String model, String data, String... more) {
        return CommandLineRun.of(
                directory,
                Stream.concat(
                                Stream.of(command, model, "--data", data, "--tokenizer", "t.json", "--format", "json"),
                                Stream.of(more))
                        .toArray(String[]::new));
    }

    @Test
    void theQuantizedClassifierAnswersAsTheFloatOne() {
        CommandLineRun quantized = run(
                "quantize",
                "m.onnx",
                "x.csv",
                "--take",
                "60",
                "--eval-skip",
                "60",
                "--eval-data",
                "x.csv",
                "--out",
                "out");
        assertEquals(0, quantized.exitCode(), quantized.err());
        JsonNode metric = quantized.json().get("metric");
        assertEquals("top1", metric.get("name").asString());
        assertEquals(TEXTS - 60, metric.get("n").asInt());
        assertTrue(metric.get("float").asDouble() > 0.9, metric::toString);
        // A step of 8 bits may turn a text that lies at the border of two classes: 3 of 180.
        assertEquals(metric.get("float").asDouble(), metric.get("quantized").asDouble(), 3.5 / 180);

        JsonNode evaluated = run("evaluate", "out/model.qdq.onnx", "x.jsonl", "--reference", "m.onnx")
                .json();
        assertEquals("top1", evaluated.get("metric").asString());
        assertEquals(TEXTS, evaluated.get("n").asInt());
        assertFalse(evaluated.get("others").toString().contains("top5"), "the five highest of three classes are all");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            3        | auto | label '3' is none of the classes 0 to 2 of the output                | labels start from 1
            positive | auto | label 'positive' is no class number                                  | from 0
            0.5      | top1 | label '0.5' is no class number                                       | from 0
            0        | top5 | the output has 3 classes, so that top-5 is always right              | --metric top1
            0        | loss | an output of shape 2×3 is no scores of the next token                | another --metric
            """)
    void labelsThatDoNotFitAreRefused(String label, String metric, String message, String hint) throws IOException {
        Files.writeString(directory.resolve("x.csv"), "text,label\na b c,%s\nd e f,%s\n".formatted(label, label));
        for (String command : new String[] {"quantize", "evaluate"}) {
            String[] more =
                    command.equals("quantize") ? new String[] {"--out", "out"} : new String[] {"--reference", "m.onnx"};
            CommandLineRun run = run(
                    command,
                    "m.onnx",
                    "x.csv",
                    Stream.concat(Stream.of("--metric", metric), Stream.of(more))
                            .toArray(String[]::new));
            assertEquals(2, run.exitCode(), run.err());
            assertTrue(run.err().contains("error: " + message + "\nhint: "), run.err());
            assertTrue(run.err().lines().toList().getLast().contains(hint), run.err());
            assertFalse(Files.exists(directory.resolve("out")), "nothing is left half written");
        }
    }

    @Test
    void aColumnThatIsNotThereIsRefusedWithThoseThatAre() {
        CommandLineRun run = run("evaluate", "m.onnx", "x.csv", "--label-column", "sentiment");
        assertEquals(2, run.exitCode(), run.err());
        assertTrue(run.err().contains("sentiment") && run.err().contains("id, sentence, label"), run.err());
    }
}
