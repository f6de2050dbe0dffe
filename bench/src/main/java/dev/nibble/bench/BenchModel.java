package dev.nibble.bench;

import dev.nibble.data.DataOptions;
import dev.nibble.data.Layout;
import dev.nibble.data.TextOptions;
import dev.nibble.graph.NibbleException;
import dev.nibble.pipeline.QuantizeOptions;
import dev.nibble.pipeline.demo.DemoData;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A trained model with labelled data, divided into samples for calibration and samples for measuring.
///
/// @param name as the tables show it
/// @param samples what the samples are, and how they are divided, for the page
/// @param shapes sizes of inputs, by name
/// @param gatePoints points of accuracy that W8A8 per channel may lose at most; null where no limit is set
public record BenchModel(
        String name,
        Path model,
        Map<String, long[]> shapes,
        QuantizeOptions.Samples calibration,
        QuantizeOptions.Samples evaluation,
        String samples,
        @Nullable Double gatePoints) {
    private static final int OCR_CALIBRATION_LINES = 200;
    private static final int OCR_EVALUATION_LINES = 400;

    /// Seeds of the text lines; the demo's are others.
    private static final long OCR_CALIBRATION_SEED = 1001;

    private static final long OCR_EVALUATION_SEED = 1002;

    /// Every model of `docs/results.md`.
    ///
    /// @param shared the folder that holds `assets`
    /// @param work where text lines are drawn
    public static List<BenchModel> all(Path shared, Path work) {
        List<BenchModel> models = new ArrayList<>();
        models.add(cifar(shared, "resnet8", "mlperftiny_resnet8_cifar10", false, 512, 5000));
        models.add(cifar(shared, "resnet20", "cifar10_resnet20", true, 512, 5000));
        models.add(cifar(shared, "resnet56", "cifar10_resnet56", true, 512, 5000));
        models.add(kws(shared));
        models.add(mobileNet(shared));
        models.add(textLines(work));
        return models;
    }

    /// A CIFAR-10 classifier: calibrated on every 9th image of the training set, measured on the test set.
    static BenchModel cifar(Path shared, String name, String file, boolean normalized, long take, long measured) {
        Path data = shared.resolve("assets/data");
        DataOptions plain = DataOptions.NONE.withLayout(Layout.NHWC);
        DataOptions options = normalized
                ? plain.withNormalization(null, List.of(123.675, 116.28, 103.53), List.of(58.395, 57.12, 57.375))
                : plain;
        return new BenchModel(
                name,
                shared.resolve("assets/models/" + file + ".onnx"),
                Map.of(),
                samples(
                        data.resolve("cifar10_train5k_images.npy"),
                        options.withLabels(data.resolve("cifar10_train5k_labels.npy"), null)
                                .withChoice(0L, 9L, take)),
                samples(
                        data.resolve("cifar10_test5k_images.npy"),
                        options.withLabels(data.resolve("cifar10_test5k_labels.npy"), null)
                                .withChoice(0L, 1L, measured)),
                "CIFAR-10: 512 training images (every 9th); test images 0–4,999",
                0.2);
    }

    static BenchModel kws(Path shared) {
        Path data = shared.resolve("assets/data");
        // x' = (x·scale − mean)/std, and the samples want (x − 83)·0.5847029.
        DataOptions options = DataOptions.NONE
                .withLabels(data.resolve("kws01_labels.npy"), null)
                .withNormalization(0.5847029, List.of(83 * 0.5847029), List.of(1.0));
        Path file = data.resolve("kws01_mfcc_int8.npy");
        return new BenchModel(
                "KWS DS-CNN",
                shared.resolve("assets/models/mlperftiny_kws_dscnn.onnx"),
                Map.of(),
                samples(file, options.withChoice(0L, 1L, 200L)),
                samples(file, options.withChoice(200L, 1L, 800L)),
                "MLPerf Tiny keyword spotting: the first 200; the other 800",
                null);
    }

    static BenchModel mobileNet(Path shared) {
        DataOptions options = DataOptions.NONE.withNormalization(null, List.of(127.5), List.of(127.5));
        Path file = shared.resolve("assets/data/nips17_224.zip");
        return new BenchModel(
                "MobileNetV1 0.75",
                shared.resolve("assets/models/imagenet_mobilenetv1_075_224.onnx"),
                Map.of(),
                samples(file, options.withChoice(0L, 1L, 300L)),
                samples(file, options.withChoice(300L, 1L, 700L)),
                "NIPS 2017 images (ImageNet classes): the first 300; the other 700",
                1.7);
    }

    static BenchModel stories(Path shared) {
        Path data = shared.resolve("assets/data");
        DataOptions options = DataOptions.NONE.withText(
                new TextOptions(null, null, null, data.resolve("tinystories_400_lengths.npy"), null));
        Path file = data.resolve("tinystories_400_ids.npy");
        return new BenchModel(
                "llm_stories260K",
                shared.resolve("assets/models/llm_stories260K.onnx"),
                Map.of(),
                samples(file, options.withChoice(0L, 1L, 50L)),
                samples(file, options.withChoice(50L, 1L, 350L)),
                "TinyStories: the first 50; the other 350",
                null);
    }

    private static BenchModel textLines(Path work) {
        DataOptions options = DataOptions.NONE.withNormalization(null, List.of(127.5), List.of(127.5));
        return new BenchModel(
                "PP-OCRv4 recognition",
                work.resolve("ocr/model.onnx"),
                Map.of("x", new long[] {-1, 3, 48, 320}),
                samples(work.resolve("ocr/calibration"), options),
                samples(work.resolve("ocr/evaluation"), options),
                "text lines drawn as the demo draws them: 200 of one seed; 400 of another (words read right)",
                null);
    }

    /// all-MiniLM-L6-v2, as `tools/bench.sh text` unpacks it from Maven's archive.
    static BenchModel miniLm(Path shared, Path work) {
        Path folder = work.resolve("minilm");
        DataOptions options = DataOptions.NONE.withText(
                new TextOptions(folder.resolve("all-minilm-l6-v2-tokenizer.json"), null, null, null, null));
        Path data = shared.resolve("assets/data");
        return new BenchModel(
                "all-MiniLM-L6-v2",
                folder.resolve("all-minilm-l6-v2.onnx"),
                Map.of(),
                samples(data.resolve("stsb-en-train.csv"), options.withChoice(0L, 1L, 100L)),
                samples(data.resolve("stsb-en-dev.csv"), options),
                "STS benchmark: 100 training sentences; all 1,500 pairs of the dev set",
                null);
    }

    private static QuantizeOptions.Samples samples(Path path, DataOptions options) {
        return new QuantizeOptions.Samples(path, options);
    }

    /// Draws the text lines where they are needed and missing.
    ///
    /// @throws NibbleException where a file of the model or its data is not there
    public void provide() {
        Path folder = model.getParent();
        if (folder != null && folder.endsWith("ocr") && !Files.exists(folder.resolve("drawn"))) {
            draw(folder);
        }
        for (Path path : List.of(model, calibration.path(), evaluation.path())) {
            if (!Files.exists(path)) {
                throw new NibbleException(
                        "'%s' is not there".formatted(path),
                        "set NIBBLE_SHARED to the folder that holds assets, or choose other models");
            }
        }
    }

    private void draw(Path folder) {
        Scratch.delete(folder);
        Scratch.create(folder);
        DemoData.writeModel(model);
        DemoData.writeLines(calibration.path(), OCR_CALIBRATION_LINES, OCR_CALIBRATION_SEED);
        DemoData.writeLines(evaluation.path(), OCR_EVALUATION_LINES, OCR_EVALUATION_SEED);
        Scratch.write(folder.resolve("drawn"), "complete\n");
    }
}
