package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nibble.htp.HtpLibraries;
import dev.nibble.pipeline.demo.DemoData;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What `quantize --target sm8650` writes is taken whole by Qualcomm's compiler for four generations of phones: no node on
/// the CPU, none in float, one piece.
@Tag("slow")
class WholeOnHtpTest {
    private static final String PHONES = "sm8550,sm8650,sm8750,sm8850";
    private static final int TOKENS = 128;

    @TempDir
    private Path directory;

    @ParameterizedTest
    @CsvSource({"8,8", "8,16", "4,8", "4,16"})
    void aConvolutionalNetwork(String weights, String activations) {
        whole(
                weights,
                activations,
                List.of(
                        shared("assets/models/mlperftiny_resnet8_cifar10.onnx"),
                        "--data",
                        shared("assets/data/cifar10_train5k_images.npy"),
                        "--layout",
                        "nhwc"));
    }

    @ParameterizedTest
    @CsvSource({"8,8", "4,16"})
    void depthwiseConvolutions(String weights, String activations) {
        whole(
                weights,
                activations,
                List.of(
                        shared("assets/models/mlperftiny_kws_dscnn.onnx"),
                        "--data",
                        shared("assets/data/kws01_mfcc_int8.npy"),
                        "--scale",
                        "0.5847029",
                        "--mean",
                        "48.5303407"));
    }

    @ParameterizedTest
    @CsvSource({"8,8", "4,16"})
    void aLanguageModel(String weights, String activations) throws IOException {
        String model = shared("assets/models/llm_stories260K.onnx");
        // The stories are 512 tokens long; the model is compiled for the first 128.
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
        whole(weights, activations, List.of(model, "--data", ids.toString(), "--shape", "input_ids=1," + TOKENS));
    }

    @ParameterizedTest
    @CsvSource({"8,16", "4,8"})
    void aTextRecogniser(String weights, String activations) throws IOException {
        Path model = directory.resolve("recogniser.onnx");
        Path lines = Files.createDirectory(directory.resolve("lines"));
        DemoData.writeModel(model);
        DemoData.writeLines(lines, 8, 1);
        whole(
                weights,
                activations,
                List.of(
                        model.toString(),
                        "--data",
                        lines.toString(),
                        "--mean",
                        "127.5",
                        "--std",
                        "127.5",
                        "--shape",
                        "x=-1,3,48,320"));
    }

    private void whole(String weights, String activations, List<String> model) {
        HtpLibraries libraries = HtpLibraries.of(System.getenv());
        Assumptions.assumeTrue(
                libraries.found(),
                "Qualcomm's libraries are not in " + libraries.root() + ": nibble htp install --accept-license");
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
        CommandLineRun made = run(libraries, quantize);
        assertEquals(0, made.exitCode(), made.err());
        CommandLineRun placed =
                run(libraries, List.of("placement", "out/model.qdq.onnx", "--strict", "--target", PHONES));
        assertEquals(0, placed.exitCode(), placed.out() + placed.err());
        assertTrue(!placed.out().contains("H105"), placed.out());
    }

    private CommandLineRun run(HtpLibraries libraries, List<String> arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Terminal terminal = new Terminal(
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8),
                false,
                false,
                Map.of("NIBBLE_HTP", libraries.root().toString()),
                directory);
        int exitCode = Nibble.run(terminal, arguments.toArray(String[]::new));
        return new CommandLineRun(exitCode, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
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
