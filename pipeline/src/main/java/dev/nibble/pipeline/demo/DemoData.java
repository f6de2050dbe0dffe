package dev.nibble.pipeline.demo;

import dev.nibble.graph.NibbleException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;

/// What the demo works on, written where a user can look at it: PP-OCRv4's text recogniser, and folders of text lines
/// with their labels, in the form that `--data` takes.
public final class DemoData {
    /// PaddlePaddle's PP-OCRv4 recogniser (Apache-2.0) as RapidOCR's Maven artifact carries it.
    private static final String MODEL = "/models/ch_PP-OCRv4_rec_infer.onnx";

    private DemoData() {}

    /// Writes the model to `file`.
    ///
    /// @throws NibbleException where it cannot be written
    public static void writeModel(Path file) {
        try (InputStream in = DemoData.class.getResourceAsStream(MODEL)) {
            if (in == null) {
                throw new NibbleException(
                        "the demo's model is not on the class path: " + MODEL,
                        "build again with ./nibble, so that Maven fetches it");
            }
            Files.copy(in, file);
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    /// Writes `count` pictures of text lines and their `labels.csv` into the new folder `folder`.
    ///
    /// @param seed the same seed gives the same files
    /// @throws NibbleException where they cannot be written
    public static void writeLines(Path folder, int count, long seed) {
        List<TextLines.Line> lines = new TextLines().draw(count, new SplittableRandom(seed));
        StringBuilder labels = new StringBuilder("file,label\n");
        try {
            Files.createDirectories(folder);
            for (int i = 0; i < lines.size(); i++) {
                String name = String.format(Locale.ROOT, "line%03d.png", i);
                ImageIO.write(lines.get(i).image(), "png", folder.resolve(name).toFile());
                labels.append(name).append(",\"").append(lines.get(i).text()).append("\"\n");
            }
            Files.writeString(folder.resolve("labels.csv"), labels);
        } catch (IOException e) {
            throw failure(folder, e);
        }
    }

    private static NibbleException failure(Path place, IOException e) {
        return new NibbleException(
                "'%s' cannot be written: %s".formatted(place, e.getMessage()),
                "check that --out may be written and has room",
                e);
    }
}
