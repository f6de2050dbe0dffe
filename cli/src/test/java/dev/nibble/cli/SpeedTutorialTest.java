package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The tutorials on speed print what the commands print. `-Dreference.write=true` writes it anew.
class SpeedTutorialTest {
    private static final Pattern PART =
            Pattern.compile("(<!-- generated: (.+?) -->\n).*?(<!-- end -->)", Pattern.DOTALL);

    private static Path graphs() {
        String given = System.getenv("NIBBLE_SHARED");
        Path at = Path.of("").toAbsolutePath();
        while (given == null && at != null && !Files.exists(at.resolve("shared/npu/topologies"))) {
            at = at.getParent();
        }
        Path found = given != null ? Path.of(given) : at == null ? null : at.resolve("shared");
        Assumptions.assumeTrue(found != null, "the shared data are not here");
        Path folder = found == null ? Path.of("") : found.resolve("npu/topologies");
        Assumptions.assumeTrue(Files.exists(folder.resolve("mobilenet_v2.onnx")), "the shared data are not here");
        return folder;
    }

    private static Path page(String name) {
        Path at = Path.of("").toAbsolutePath();
        while (!Files.exists(at.resolve("docs/tutorial"))) {
            at = at.getParent();
        }
        return at.resolve("docs/tutorial").resolve(name);
    }

    @ParameterizedTest
    @ValueSource(strings = {"find-the-bottleneck.md", "make-it-faster.md"})
    void thePageShowsWhatTheCommandsPrint(String name) throws IOException {
        Path folder = graphs();
        String text = Files.readString(page(name));
        StringBuilder fresh = new StringBuilder();
        Matcher part = PART.matcher(text);
        while (part.find()) {
            CommandLineRun run = CommandLineRun.of(folder, part.group(2).split(" "));
            assertEquals(0, run.exitCode(), run.err());
            String block = part.group(1) + "```\n" + run.out() + "```\n" + part.group(3);
            part.appendReplacement(fresh, Matcher.quoteReplacement(block));
        }
        part.appendTail(fresh);
        if (Boolean.getBoolean("reference.write")) {
            Files.writeString(page(name), fresh.toString());
        }
        assertEquals(fresh.toString(), Files.readString(page(name)));
    }

    /// The figures that the text quotes.
    @Test
    void theTextQuotesTheFigures() throws IOException {
        Path folder = graphs();
        String text = Files.readString(page("find-the-bottleneck.md")).replaceAll("\\s+", " ");
        JsonNode model = document(folder, "--target", "sm8650");
        double total = model.get("totalMicros").asDouble();
        double depthwise = 0;
        double other = 0;
        double division = 0;
        for (JsonNode layer : model.get("layers")) {
            String name = layer.get("name").asString();
            double micros = layer.get("micros").asDouble();
            boolean deep = name.contains("/conv.1.0/") || name.contains("features.1/conv/conv.0/");
            if (layer.get("op").asString().equals("Conv")) {
                depthwise += deep ? micros : 0;
                other += deep ? 0 : micros;
            } else if (layer.get("op").asString().equals("Div")) {
                division = micros;
            }
        }
        double fused = 0;
        for (JsonNode f : model.get("fusions")) {
            fused += f.get("beforeMicros").asDouble() - f.get("afterMicros").asDouble();
        }
        List<String> quoted = List.of(
                "%.3f ms estimated".formatted(total / 1e3),
                "the run takes %.3f ms".formatted((total - division) / 1e3),
                "take %.0f µs; the 35 other".formatted(depthwise),
                "other 93 %% and take %.0f".formatted(other),
                "%.0f µs beside the layers".formatted(model.get("runMicros").asDouble()),
                "%.0f operations a byte"
                        .formatted(model.get("ridgeOperationsPerByte").asDouble()),
                "Without that, %.3f ms more".formatted(fused / 1e3),
                "| %s ms |".formatted(millis(folder, "--precision", "w8a16")),
                "| %s ms (measured".formatted(millis(folder, "--precision", "fp16")),
                "| %s, %s, %s ms |"
                        .formatted(
                                millis(folder, "--target", "qcs8550"),
                                millis(folder, "--target", "sm8750"),
                                millis(folder, "--target", "sm8850")));
        quoted.forEach(q -> assertTrue(text.contains(q), () -> "the page does not say: " + q));
    }

    private static JsonNode document(Path folder, String option, String value) {
        CommandLineRun run =
                CommandLineRun.of(folder, "estimate", "mobilenet_v2.onnx", "--format", "json", option, value);
        assertEquals(0, run.exitCode(), run.err());
        return new JsonMapper().readTree(run.out()).get("models").get(0);
    }

    private static String millis(Path folder, String option, String value) {
        return String.format(
                Locale.ROOT,
                "%.3f",
                document(folder, option, value).get("totalMicros").asDouble() / 1e3);
    }
}
