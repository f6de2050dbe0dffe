package dev.nibble.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `quantize --run-dir` in processes of its own, one of them killed in mid-run.
class KilledRunTest {
    private static Path shared(String path) {
        for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
            Path file = folder.resolve("shared/assets").resolve(path);
            if (Files.exists(file)) {
                return file;
            }
        }
        Assumptions.abort("shared/assets/" + path + " is not there");
        throw new AssertionError();
    }

    private static Process start(Path out, Path... run) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--add-modules",
                "jdk.incubator.vector",
                "dev.nibble.cli.Nibble",
                "quantize",
                shared("models/mlperftiny_kws_dscnn.onnx").toString(),
                "--data",
                shared("data/kws01_mfcc_int8.npy").toString(),
                "--take=100",
                "--weights-bitwidth=4",
                "--recipe=w4",
                "--metric=none",
                "--quiet",
                "--out",
                out.toString()));
        for (Path folder : run) {
            command.add("--run-dir");
            command.add(folder.toString());
        }
        ProcessBuilder process = new ProcessBuilder(command).redirectErrorStream(true);
        process.redirectOutput(ProcessBuilder.Redirect.DISCARD);
        // ONNX Runtime crashes a process whose command line is long, so the class path goes by the environment.
        process.environment().put("CLASSPATH", System.getProperty("java.class.path"));
        return process.start();
    }

    private static long layers(Path run) throws IOException {
        if (!Files.isDirectory(run)) {
            return 0;
        }
        try (Stream<Path> files = Files.list(run)) {
            return files.filter(file -> file.getFileName().toString().startsWith("layer-"))
                    .count();
        }
    }

    @Test
    @Tag("slow")
    void aKilledRunGoesOnToTheSameFiles(@TempDir Path folder) throws IOException, InterruptedException {
        Path run = folder.resolve("run");
        Process whole = start(folder.resolve("whole"));
        assertTrue(whole.waitFor(5, TimeUnit.MINUTES) && whole.exitValue() == 0);
        Process killed = start(folder.resolve("out"), run);
        while (killed.isAlive() && layers(run) < 4) {
            Thread.sleep(5);
        }
        killed.destroyForcibly().waitFor();
        assertFalse(Files.exists(folder.resolve("out")), "the result appears whole, or not at all");
        long kept = layers(run);
        assertTrue(kept >= 4);
        Process resumed = start(folder.resolve("out"), run);
        assertTrue(resumed.waitFor(5, TimeUnit.MINUTES) && resumed.exitValue() == 0);
        for (String file : List.of("model.qdq.onnx", "model.float.onnx", "model.encodings")) {
            assertEquals(
                    -1,
                    Files.mismatch(
                            folder.resolve("whole").resolve(file),
                            folder.resolve("out").resolve(file)),
                    file);
        }
        String report = Files.readString(folder.resolve("out/report.json"));
        assertTrue(report.contains("calibration: taken from the run directory"));
    }
}
