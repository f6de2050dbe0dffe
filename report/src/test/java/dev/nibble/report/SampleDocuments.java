package dev.nibble.report;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import javax.imageio.ImageIO;

/// Result documents with realistic numbers: one of each verdict.
public final class SampleDocuments {
    public static final String HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    private static final String OTHER_HASH = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";

    private SampleDocuments() {}

    /// A small document in which every field is set: the golden file.
    public static ResultDocument tiny() {
        return base("W8A8", "model.onnx", 200, new Samples(512, 5000, false, true, "train.npz", "test.npz"))
                .headline(measurement("off", 0.9173, 0.9170, 0.0018, 38.25, 0.99987))
                .defaultOptimization(measurement("default", 0.9173, 0.9168, 0.0018, 37.5, 0.99984))
                .tensors(List.of(
                        new TensorRow(
                                "conv1/w",
                                TensorRow.Kind.WEIGHT,
                                8,
                                0.0125,
                                0L,
                                -1.5875,
                                1.5875,
                                "min-max",
                                41.5,
                                "Conv",
                                "int8",
                                "channel(0)",
                                16),
                        new TensorRow(
                                "relu1",
                                TensorRow.Kind.ACTIVATION,
                                8,
                                0.0235,
                                0L,
                                0.0,
                                5.9925,
                                "mse",
                                39.25,
                                "Relu",
                                "uint8",
                                "tensor",
                                1)))
                .layers(List.of(
                        new LayerError("conv1", "Conv", 40.5, 43.0, 0.9999, null),
                        new LayerError("relu1", "Relu", 38.5, 41.0, 0.9998, "try 16 bits for this activation")))
                .histograms(List.of(new TensorHistogram(
                        "relu1",
                        "Relu",
                        List.of(0.0, 1.0, 2.0, 8.0),
                        List.of(1000L, 250L, 3L),
                        new RangeChoice("mse", 0, 5.9925, 39.25),
                        List.of(new RangeChoice("min-max", 0, 8, 36.5)),
                        null)))
                .skipped(List.of(new Skipped("softmax", "Softmax", "fixed range 0 … 1, no calibration")))
                .passes(List.of(new PassRecord(
                        "FoldBatchNorm",
                        List.of("bn1 into conv1"),
                        List.of(new Skipped("bn2", "BatchNormalization", "its input is also an output of the graph")))))
                .findings(List.of(new Finding(
                        "Q102", Finding.Severity.WARNING, "Only 120 calibration samples.", "Give 200 or more.")))
                .files(List.of(new FileRecord("model.qdq.onnx", OTHER_HASH, 300_000)))
                .pictures(List.of(new SamplePicture(
                        "0001.png",
                        SamplePicture.dataUri(new byte[] {1, 2, 3}),
                        List.of(),
                        null,
                        "cat",
                        new SamplePicture.Answer("cat", 0.98, true),
                        new SamplePicture.Answer("dog", 0.51, false))))
                .generated(new GeneratedText(
                        1,
                        4,
                        0.75,
                        0,
                        true,
                        List.of(new GeneratedText.Sample("sample 0", "Once", " there was", " there is", 0.75, 3))))
                .assumption("The symbolic batch was bound to 1.")
                .build();
    }

    /// No measurable loss, a deep net.
    public static ResultDocument healthy() {
        return base(
                        "W8A8",
                        "cifar10_resnet56.onnx",
                        3_420_118,
                        new Samples(512, 5000, false, true, "cifar10/train", "cifar10/test"))
                .headline(measurement("off", 0.9173, 0.9170, 0.0018, 38.25, 0.99987))
                .defaultOptimization(measurement("default", 0.9173, 0.9168, 0.0018, 37.9, 0.99986))
                .tensors(tensors(56, 34))
                .layers(layers(170, 52, 36, 1))
                .histograms(histograms(10, 36))
                .skipped(List.of(
                        new Skipped(
                                "Softmax_301", "Softmax", "the last operator gives the probabilities; kept in float"),
                        new Skipped("Shape_12", "Shape", "no float output"),
                        new Skipped("Shape_14", "Shape", "no float output"),
                        new Skipped("Gather_15", "Gather", "no float output")))
                .passes(passes())
                .findings(List.of(
                        new Finding(
                                "Q210",
                                Finding.Severity.NOTE,
                                "The weights of 3 layers use less than a quarter of their range in most channels.",
                                null),
                        new Finding(
                                "Q104",
                                Finding.Severity.WARNING,
                                "2 duplicates among the calibration samples (train/00012.png, train/00417.png).",
                                "Remove them; they count twice.")))
                .files(files(3_420_118, 0.27))
                .pictures(imagePictures(8))
                .assumption("The symbolic batch N of input `input` was bound to 1.")
                .assumption("Images are NHWC bytes, 0–255; x' = (x − 127.5) / 127.5.")
                .next(new NextStep(
                        "nibble compare out/model.float.onnx out/model.qdq.onnx --data cifar10/test",
                        "see every layer's own error"))
                .build();
    }

    /// A real loss, and it is clear where it comes from.
    public static ResultDocument degraded() {
        return base(
                        "W8A8",
                        "imagenet_mobilenetv1_075_224.onnx",
                        10_336_912,
                        new Samples(300, 700, false, true, "nips17_224.zip", "nips17_224.zip"))
                .headline(new Measurement(
                        "off",
                        new Metric(
                                "top1",
                                0.8029,
                                0.7429,
                                0.06,
                                new Interval(0.041, 0.079),
                                700,
                                new Interval(0.7717, 0.8307),
                                new Interval(0.7092, 0.7739),
                                0.0001,
                                0.001),
                        List.of(Metric.of("top5", 0.95, 0.9286, new Interval(0.009, 0.034), 700)),
                        14.2,
                        0.9812,
                        0.081,
                        0.84))
                .defaultOptimization(new Measurement(
                        "default",
                        Metric.of("top1", 0.8029, 0.7300, new Interval(0.055, 0.092), 700),
                        List.of(),
                        13.6,
                        0.979,
                        0.09,
                        0.83))
                .tensors(tensors(28, 18))
                .layers(layers(84, 45, 14, 3))
                .histograms(histograms(10, 14))
                .skipped(List.of(new Skipped("Softmax_90", "Softmax", "kept in float")))
                .passes(passes())
                .findings(List.of(
                        new Finding(
                                "Q301",
                                Finding.Severity.WARNING,
                                "conv_dw_3 loses 18 dB: its 24 channels span ranges from 0.02 to 11.4.",
                                "Equalize across layers: --algorithms cle"),
                        new Finding(
                                "Q305",
                                Finding.Severity.ERROR,
                                "13 depthwise outputs are quantized before their Clip.",
                                "Use a rule set that fuses them: --target sm8650")))
                .files(files(10_336_912, 0.27))
                .pictures(imagePictures(12))
                .masks(List.of(new AttentionMask(
                        "causal",
                        true,
                        null,
                        -100,
                        "layer0/masked",
                        List.of("softmax_0"),
                        -11.5,
                        9.25,
                        -17.75,
                        9.5,
                        6.24)))
                .generated(new GeneratedText(
                        1,
                        8,
                        0.5,
                        0,
                        true,
                        List.of(new GeneratedText.Sample(
                                "sample 7", "Once upon", "a time there was", "a time three friends", 0.5, 4))))
                .next(new NextStep(
                        "nibble quantize imagenet_mobilenetv1_075_224.onnx --data nips17_224.zip --algorithms cle,bias-correction --out out2",
                        "equalization and bias correction bring back most of such a loss"))
                .build();
    }

    /// At chance level.
    public static ResultDocument collapsed() {
        return base(
                        "W4A8",
                        "imagenet_mobilenetv1_075_224.onnx",
                        10_336_912,
                        new Samples(300, 700, true, true, "nips17_224.zip", null))
                .headline(new Measurement(
                        "off",
                        new Metric(
                                "top1",
                                0.8029,
                                0.0014,
                                0.8015,
                                new Interval(0.77, 0.83),
                                700,
                                new Interval(0.7717, 0.8307),
                                new Interval(0.0003, 0.008),
                                0.0,
                                0.001),
                        List.of(),
                        -1.3,
                        0.12,
                        6.2,
                        0.003))
                .tensors(tensors(28, 4))
                .layers(layers(84, 20, -1.3, 4))
                .histograms(histograms(10, 2))
                .findings(List.of(new Finding(
                        "Q001",
                        Finding.Severity.ERROR,
                        "The quantized model is at chance level.",
                        "Start from W8A8; then lower the bits of the least sensitive layers only.")))
                .files(files(10_336_912, 0.15))
                .pictures(imagePictures(4))
                .build();
    }

    /// Text lines without labels.
    public static ResultDocument unlabelled() {
        return base("W8A16", "ch_PP-OCRv4_rec.onnx", 10_857_958, new Samples(120, 120, true, false, "lines/", null))
                .headline(new Measurement("off", null, List.of(), 31.7, 0.9996, 0.0021, 0.9917))
                .tensors(tensors(38, 30))
                .layers(layers(110, 48, 31, 2))
                .histograms(histograms(10, 28))
                .findings(List.of(new Finding(
                        "Q102", Finding.Severity.WARNING, "Only 120 calibration samples.", "Give 200 or more.")))
                .files(files(10_857_958, 0.28))
                .pictures(textPictures())
                .build();
    }

    /// Names that try to break out of HTML, JSON and the terminal.
    public static ResultDocument hostile() {
        String evil =
                "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{7*7}}\u001b[31m\u202e\u2028";
        return base(evil, evil, 1000, new Samples(1, 1, true, false, evil, evil))
                .headline(new Measurement("off", null, List.of(), Double.NaN, Double.POSITIVE_INFINITY, null, null))
                .option("hostile", evil)
                .tensors(List.of(new TensorRow(
                        evil,
                        TensorRow.Kind.INPUT,
                        8,
                        Double.NaN,
                        null,
                        null,
                        null,
                        evil,
                        Double.POSITIVE_INFINITY,
                        evil,
                        evil,
                        evil,
                        1)))
                .layers(List.of(
                        new LayerError(evil, evil, 3.0, null, null, evil),
                        new LayerError(evil, evil, null, Double.NEGATIVE_INFINITY, null, null)))
                .histograms(List.of(new TensorHistogram(
                        evil,
                        evil,
                        List.of(0.0, 1.0),
                        List.of(4L),
                        new RangeChoice(evil, 0, 1, null),
                        List.of(new RangeChoice(evil, 0, 0, null)),
                        evil)))
                .skipped(List.of(new Skipped(evil, evil, evil)))
                .passes(List.of(new PassRecord(evil, List.of(evil), List.of(new Skipped(evil, evil, evil)))))
                .findings(List.of(new Finding(evil, Finding.Severity.ERROR, evil, evil)))
                .files(List.of(new FileRecord(evil, evil, 1)))
                .pictures(List.of(new SamplePicture(
                        evil,
                        null,
                        List.of(1.0, 2.0),
                        evil,
                        evil,
                        new SamplePicture.Answer(evil, 0.5, null),
                        new SamplePicture.Answer(evil, null, false))))
                .assumption(evil)
                .next(new NextStep(evil, evil))
                .build();
    }

    /// Everything optional absent.
    public static ResultDocument bare() {
        return ResultDocument.builder("0.1.0", new ModelInfo("m.onnx", HASH, 13, null, null, null), "htp-v75", "W8A8")
                .samples(new Samples(0, 0, false, false, null, null))
                .timings(new Timings(0, 0, 0, 0, 0))
                .reproduce(new Reproduce("nibble quantize m.onnx", 0, Map.of()))
                .machine(new Machine("Linux", "amd64", null, 2, 2, null, "25"))
                .build();
    }

    static Measurement measurement(
            String optimization, double floatValue, double quantized, double half, double db, double cosine) {
        double drop = floatValue - quantized;
        return new Measurement(
                optimization,
                new Metric(
                        "top1",
                        floatValue,
                        quantized,
                        drop,
                        new Interval(drop - half, drop + half),
                        5000,
                        new Interval(floatValue - 0.0076, floatValue + 0.0074),
                        new Interval(quantized - 0.0076, quantized + 0.0074),
                        0.81,
                        0.1),
                List.of(Metric.of("top5", 0.9971, 0.9971, new Interval(-0.0004, 0.0004), 5000)),
                db,
                cosine,
                0.0012,
                0.989);
    }

    private static ResultDocumentBuilder base(String precision, String model, long bytes, Samples samples) {
        return ResultDocument.builder(
                        "0.1.0", new ModelInfo(model, HASH, 17, bytes, 853_018L, 125_485_706L), "sm8650", precision)
                .option("weightsBitwidth", 8)
                .option("actBitwidth", 8)
                .option("weightGranularity", "channel")
                .option("actCalibration", "auto")
                .option("io", "float")
                .option("algorithms", List.of("fold", "equalize"))
                .samples(samples)
                .timings(new Timings(0.041, 6.27, 1.84, 12.9, 21.6))
                .peakRssBytes(712_345_600L)
                .reproduce(new Reproduce(
                        "nibble quantize " + model + " --data train --out out --target sm8650",
                        42,
                        new java.util.TreeMap<>(Map.of("nibble", "0.1.0", "onnxruntime", "1.29.0", "java", "25.0.3"))))
                .machine(new Machine(
                        "Linux 6.8",
                        "amd64",
                        "Xeon Platinum 8375C (AVX-512 VNNI)",
                        2,
                        2,
                        25_000_000_000L,
                        "Temurin 25.0.3"))
                .next(new NextStep(
                        "nibble placement out/model.qdq.onnx --target sm8650", "check which operators the NPU takes"));
    }

    private static List<FileRecord> files(long bytes, double ratio) {
        return List.of(
                new FileRecord("model.qdq.onnx", OTHER_HASH, (long) (bytes * ratio)),
                new FileRecord("model.float.onnx", HASH, bytes),
                new FileRecord("model.encodings", OTHER_HASH, 184_220));
    }

    private static List<PassRecord> passes() {
        return List.of(
                new PassRecord(
                        "FoldBatchNorm",
                        List.of("bn_1 into conv_1", "bn_2 into conv_2", "bn_3 into conv_3"),
                        List.of()),
                new PassRecord("FuseLayerNorm", List.of(), List.of()),
                new PassRecord(
                        "EqualizeCrossLayer",
                        List.of("conv_1 → conv_2: channel ranges 311× → 4.1× apart"),
                        List.of(new Skipped(
                                "conv_7", "Conv", "its output also feeds Add_12, which cannot be rescaled"))));
    }

    private static List<LayerError> layers(int count, double first, double last, int bad) {
        Random random = new Random(7);
        String[] ops = {"Conv", "Relu", "Conv", "Relu", "Conv", "Add"};
        List<LayerError> layers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            double share = i / (double) (count - 1);
            double graph = first + (last - first) * Math.sqrt(share) + random.nextGaussian();
            double layer = 46 + 3 * random.nextGaussian();
            boolean worst = i >= count / 3 && i < count / 3 + bad;
            if (worst) {
                layer = 12 + i % 5;
                graph -= 4;
            }
            layers.add(new LayerError(
                    "model/stage" + (i / 24 + 1) + "/block" + (i / 6 % 4) + "/" + ops[i % 6] + "_" + i + ":0",
                    ops[i % 6],
                    graph,
                    layer,
                    0.9999 - share * 0.001,
                    worst ? "its channels differ in range: equalize (--algorithms cle), or give it 16 bits" : null));
        }
        return layers;
    }

    private static List<TensorRow> tensors(int count, double worst) {
        Random random = new Random(3);
        List<TensorRow> tensors = new ArrayList<>();
        tensors.add(new TensorRow(
                "input",
                TensorRow.Kind.INPUT,
                8,
                1 / 127.5,
                128L,
                -1.004,
                0.996,
                "min-max",
                46.1,
                null,
                "uint8",
                "tensor",
                1));
        for (int i = 0; i < count; i++) {
            double scale = 0.004 + random.nextDouble() * 0.03;
            double max = 1 + random.nextDouble() * 8;
            tensors.add(new TensorRow(
                    "model/block" + i + "/conv/kernel",
                    TensorRow.Kind.WEIGHT,
                    8,
                    scale,
                    0L,
                    -scale * 127,
                    scale * 127,
                    "min-max",
                    40 + 4 * random.nextGaussian(),
                    "Conv",
                    "int8",
                    "channel(0)",
                    64));
            tensors.add(new TensorRow(
                    "model/block" + i + "/conv/bias",
                    TensorRow.Kind.BIAS,
                    32,
                    scale * 0.02,
                    0L,
                    null,
                    null,
                    "derived",
                    Decibels.EXACT,
                    "Conv",
                    "int32",
                    "channel(0)",
                    64));
            tensors.add(new TensorRow(
                    "model/block" + i + "/relu:0",
                    TensorRow.Kind.ACTIVATION,
                    8,
                    max / 255,
                    0L,
                    0.0,
                    max,
                    i % 3 == 0 ? "mse" : "percentile",
                    i == 5 ? worst : worst + 3 + 12 * random.nextDouble(),
                    "Relu",
                    "uint8",
                    "tensor",
                    1));
        }
        return tensors;
    }

    private static List<TensorHistogram> histograms(int count, double worst) {
        Random random = new Random(11);
        List<TensorHistogram> histograms = new ArrayList<>();
        for (int k = 0; k < count; k++) {
            int bins = 200;
            double low = k % 2 == 0 ? 0 : -6;
            double high = 9 + k;
            double spread = 1 + k % 3;
            List<Double> edges = new ArrayList<>();
            List<Long> counts = new ArrayList<>();
            for (int i = 0; i <= bins; i++) {
                edges.add(low + (high - low) * i / bins);
            }
            for (int i = 0; i < bins; i++) {
                double x = edges.get(i) / spread;
                counts.add((long) (2e6 * Math.exp(-x * x / 2) * (0.9 + 0.2 * random.nextDouble()))
                        + (i % 29 == 0 ? 2 : 0));
            }
            counts.set(bins - 1, 1L);
            histograms.add(new TensorHistogram(
                    "model/block" + k + "/relu:0",
                    k % 2 == 0 ? "Relu" : "Add",
                    edges,
                    counts,
                    new RangeChoice(k % 3 == 0 ? "mse" : "sqnr", low * 0.8, spread * 4.1, worst + k),
                    List.of(
                            new RangeChoice("min-max", low, high, worst + k - 5.2),
                            new RangeChoice("percentile 99.99", low * 0.7, spread * 3.7, worst + k - 0.4),
                            new RangeChoice("mse", low * 0.8, spread * 4.1, worst + k),
                            new RangeChoice("sqnr", low * 0.82, spread * 4.3, worst + k - 0.1),
                            new RangeChoice("entropy", low * 0.6, spread * 3.1, worst + k - 1.9)),
                    k == 4 ? "drawn from every 8th value; minimum and maximum are exact" : null));
        }
        return histograms;
    }

    private static List<SamplePicture> imagePictures(int count) {
        String[] names = {"airplane", "automobile", "bird", "cat", "deer", "dog"};
        List<SamplePicture> pictures = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            String label = names[i % names.length];
            String quantized = i % 3 == 0 ? names[(i + 2) % names.length] : label;
            boolean floatRight = i % 5 != 4;
            pictures.add(new SamplePicture(
                    "test/" + String.format("%05d", i * 37) + ".png",
                    SamplePicture.dataUri(picture(i)),
                    List.of(),
                    null,
                    label,
                    new SamplePicture.Answer(floatRight ? label : "truck", 0.93, floatRight),
                    new SamplePicture.Answer(quantized, 0.61, quantized.equals(label))));
        }
        return pictures;
    }

    private static List<SamplePicture> textPictures() {
        List<SamplePicture> pictures = new ArrayList<>();
        String[][] lines = {
            {"Invoice No. 20418", "Invoice No. 20418"},
            {"Total: 1,299.00 EUR", "Total: 1,299.0O EUR"},
            {"QUALITY CONTROL", "QUALITY CONTR0L"},
            {"Lot 7B-441", "Lot 7B-441"}
        };
        for (String[] line : lines) {
            pictures.add(new SamplePicture(
                    "line " + pictures.size(),
                    SamplePicture.dataUri(textLine(line[0])),
                    List.of(),
                    null,
                    null,
                    new SamplePicture.Answer(line[0], 0.97, null),
                    new SamplePicture.Answer(line[1], 0.88, null)));
        }
        List<Double> series = new ArrayList<>();
        for (int i = 0; i < 160; i++) {
            series.add(Math.sin(i / 6.0) * Math.exp(-i / 80.0));
        }
        pictures.add(new SamplePicture(
                "keyword 3",
                null,
                series,
                null,
                null,
                new SamplePicture.Answer("yes", 0.9, null),
                new SamplePicture.Answer("yes", 0.8, null)));
        pictures.add(new SamplePicture(
                "sentence 4",
                null,
                List.of(),
                "A man is playing a large flute.",
                null,
                new SamplePicture.Answer("4.2", null, null),
                new SamplePicture.Answer("4.1", null, null)));
        return pictures;
    }

    private static byte[] picture(int seed) {
        Random random = new Random(seed);
        BufferedImage image = new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < 32; y++) {
            for (int x = 0; x < 32; x++) {
                double d = Math.hypot(x - 16 - seed % 4, y - 16) / 14;
                image.setRGB(x, y, Color.HSBtoRGB((float) (seed * 0.13 + d * 0.1), (float) (0.3 + 0.3 * d), (float)
                        Math.clamp(1.1 - d * 0.7 + random.nextGaussian() * 0.03, 0, 1)));
            }
        }
        return png(image);
    }

    private static byte[] textLine(String text) {
        BufferedImage image = new BufferedImage(320, 48, BufferedImage.TYPE_BYTE_GRAY);
        Graphics2D g = image.createGraphics();
        g.setColor(Color.WHITE);
        g.fillRect(0, 0, 320, 48);
        g.setColor(Color.DARK_GRAY);
        for (int i = 0; i < text.length(); i++) {
            int c = text.charAt(i);
            g.fillRect(8 + i * 15, 12, 10, 3 + c % 20);
            g.fillRect(8 + i * 15, 12, 3, 24);
        }
        g.dispose();
        return png(image);
    }

    private static byte[] png(BufferedImage image) {
        try (ByteArrayOutputStream out = new ByteArrayOutputStream()) {
            ImageIO.write(image, "png", out);
            return out.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
