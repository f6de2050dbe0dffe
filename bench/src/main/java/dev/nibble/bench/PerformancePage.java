package dev.nibble.bench;

import dev.nibble.pipeline.QuantizeOptions;
import dev.nibble.pipeline.demo.DemoData;
import dev.nibble.report.ResultDocument;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;

/// The parts of `docs/performance.md` that are measured here. Each part is kept outside version control and the page is
/// put together from what there is.
final class PerformancePage {
    private static final long FEW = 300;
    private static final long MANY = 3000;

    private static final long LARGE = 2_500_000_000L;
    private static final long LARGE_INLINE = 1_850_000_000L;
    private static final double LARGE_LIMIT_MB = 1200;

    private final Path root;
    private final Path shared;
    private final Path work;
    private final Consumer<String> say;

    PerformancePage(Path root, Path shared, Path work, Consumer<String> say) {
        this.root = root;
        this.shared = shared;
        this.work = work;
        this.say = say;
    }

    /// The models and numbers of samples that limits are set for.
    private List<BenchModel> timed() {
        BenchModel resnet = BenchModel.cifar(shared, "resnet56", "cifar10_resnet56", true, 512, 5000);
        List<BenchModel> models = new ArrayList<>(
                List.of(withAll(resnet, 2000), BenchModel.mobileNet(shared), BenchModel.stories(shared)));
        BenchModel miniLm = BenchModel.miniLm(shared, work);
        if (Files.exists(miniLm.model())) {
            models.add(miniLm);
        } else {
            say.accept("left out: %s; unpack its jar into '%s'"
                    .formatted(miniLm.name(), miniLm.model().getParent()));
        }
        return models;
    }

    private static BenchModel withAll(BenchModel model, long take) {
        var options = model.calibration().options().withChoice(0L, 1L, take);
        var samples = new QuantizeOptions.Samples(model.calibration().path(), options);
        return new BenchModel(
                model.name(), model.model(), model.shapes(), samples, model.evaluation(), model.samples(), null);
    }

    /// Calibration against inference; true where the limits hold.
    boolean speed(int repetitions) {
        StringBuilder text = new StringBuilder();
        text.append("| model | samples | threads | inference s | calibration ÷ inference, wall (each) | the same, "
                + "processor time | first in the process | from the command line | 5 searches s |\n");
        text.append("|---|---|---|---|---|---|---|---|---|\n");
        boolean holds = true;
        for (BenchModel model : timed()) {
            int all = Runtime.getRuntime().availableProcessors();
            for (int threads : all == 1 ? List.of(1) : List.of(all, 1)) {
                CalibrationSpeed.Result result = new CalibrationSpeed(model, threads, repetitions, say).measure();
                String launched = "–";
                if (threads == all) {
                    double seconds = new LauncherRun(root, work)
                            .quantize(model, result.samples())
                            .timings()
                            .calibrateSeconds();
                    launched = number(seconds / result.inferenceSeconds());
                    say.accept("from the command line: " + number(seconds) + " s");
                    boolean texts = model.calibration().options().text().tokenizer() != null
                            || model.calibration().options().text().lengths() != null;
                    holds &= median(result.wallRatios()) <= (texts ? 2.5 : 2);
                }
                text.append("| %s | %,d | %d | %s | **%s** (%s) | **%s** (%s) | %s | %s | %s |\n"
                        .formatted(
                                model.name(),
                                result.samples(),
                                threads,
                                number(result.inferenceSeconds()),
                                number(median(result.wallRatios())),
                                numbers(result.wallRatios()),
                                number(median(result.cpuRatios())),
                                numbers(result.cpuRatios()),
                                number(result.calibration().getFirst().wall()
                                        / result.inference().getFirst().wall()),
                                launched,
                                number(result.search().wall())));
            }
        }
        put("speed", text);
        return holds;
    }

    /// Peak memory; true where the limit holds.
    boolean memory(int repetitions) {
        BenchModel model = withAll(BenchModel.cifar(shared, "resnet56", "cifar10_resnet56", true, 512, 5000), MANY);
        List<Double> few = new ArrayList<>();
        List<Double> many = new ArrayList<>();
        LauncherRun launcher = new LauncherRun(root, work);
        for (int i = 0; i < repetitions; i++) {
            few.add(megabytes(launcher, model, FEW));
            many.add(megabytes(launcher, model, MANY));
            say.accept("peak with %d samples %s MB, with %d %s MB"
                    .formatted(FEW, number(few.getLast()), MANY, number(many.getLast())));
        }
        few.sort(null);
        many.sort(null);
        double ratio = median(many) / median(few);
        put(
                "memory",
                new StringBuilder("| samples | peak resident MB, median (each) |\n|---|---|\n")
                        .append("| %,d | **%s** (%s) |\n".formatted(FEW, number(median(few)), numbers(few)))
                        .append("| %,d | **%s** (%s) |\n".formatted(MANY, number(median(many)), numbers(many)))
                        .append("\n%,d over %,d samples: **%s** (limit 1.05).\n"
                                .formatted(MANY, FEW, String.format(Locale.ROOT, "%.3f", ratio))));
        return ratio <= 1.05;
    }

    /// Peak memory of models that are larger than it; true where the limit holds.
    ///
    /// @param keep whether the models stay for the next time
    boolean big(boolean keep) {
        Scratch.create(work);
        LauncherRun launcher = new LauncherRun(root, work);
        Map<String, LargeModel> models = new LinkedHashMap<>();
        models.put("weights in a data file", LargeModel.ofBytes(LARGE, 32_000, 1024));
        models.put("weights in the model file", LargeModel.ofBytes(LARGE_INLINE, 32_000, 1024));
        models.put("one tensor of 1.1 GB", new LargeModel(135_000, 2048, 1));
        StringBuilder text =
                new StringBuilder("| model | GB of weights | peak resident MB | seconds |\n|---|---|---|---|\n");
        boolean holds = true;
        for (Map.Entry<String, LargeModel> each : models.entrySet()) {
            Path folder = work.resolve("big");
            Scratch.create(folder);
            LargeModel model = each.getValue();
            Path file = folder.resolve("large-%d-%d.onnx".formatted(model.width(), model.blocks()));
            if (!Files.exists(file)) {
                model.write(file);
            }
            ResultDocument result = launcher.quantizeWeights(file);
            Long bytes = result.peakRssBytes();
            double peak = bytes == null ? Double.NaN : bytes / 1e6;
            holds &= peak <= LARGE_LIMIT_MB;
            text.append("| %s | %s | **%s** | %s |\n"
                    .formatted(
                            each.getKey(),
                            number(model.bytes() / 1e9),
                            number(peak),
                            number(result.timings().totalSeconds())));
            say.accept("%s: peak %s MB, %s s"
                    .formatted(
                            each.getKey(), number(peak), number(result.timings().totalSeconds())));
            if (!keep) {
                Scratch.delete(folder);
            }
        }
        put("big", text);
        return holds;
    }

    /// Inner loops and searches.
    boolean kernels(int iterations) {
        put("kernels", new StringBuilder(KernelTable.measure(iterations)));
        return true;
    }

    /// How long short commands take; true, as these are goals.
    boolean start(int repetitions) {
        Scratch.create(work);
        Path model = work.resolve("start.onnx");
        if (!Files.exists(model)) {
            DemoData.writeModel(model);
        }
        LauncherRun launcher = new LauncherRun(root, work);
        StringBuilder text = new StringBuilder("| command | goal s | median s | least s |\n|---|---|---|---|\n");
        Map<String, List<String>> commands = new LinkedHashMap<>();
        commands.put("| `nibble --version` | 0.35 |", List.of("--version"));
        commands.put(
                "| `nibble inspect` of %.1f MB | 1 |".formatted(Scratch.size(model) / 1e6),
                List.of("inspect", model.toString()));
        commands.forEach((shown, arguments) -> {
            launcher.run(arguments);
            List<Double> seconds = new ArrayList<>();
            for (int i = 0; i < repetitions; i++) {
                long start = System.nanoTime();
                launcher.run(arguments);
                seconds.add((System.nanoTime() - start) / 1e9);
            }
            seconds.sort(null);
            text.append("%s %s | %s |\n".formatted(shown, number(median(seconds)), number(seconds.getFirst())));
            say.accept(shown + " " + numbers(seconds));
        });
        put("start", text);
        return true;
    }

    private double megabytes(LauncherRun launcher, BenchModel model, long samples) {
        Long bytes = launcher.quantize(model, samples).peakRssBytes();
        return bytes == null ? Double.NaN : bytes / 1e6;
    }

    private void put(String name, StringBuilder text) {
        Scratch.create(work);
        Facts facts = Facts.here();
        text.append("\nMeasured ")
                .append(java.time.LocalDate.now(java.time.ZoneOffset.UTC))
                .append(": ")
                .append(facts.machine())
                .append("; ")
                .append(facts.versions())
                .append(".\n");
        Scratch.write(work.resolve(name + ".md"), text.toString());
        String page = Template.read("performance.md");
        for (String part : List.of("speed", "memory", "big", "kernels", "start")) {
            Path file = work.resolve(part + ".md");
            page = page.replace(
                    "{" + part + "}",
                    Files.exists(file)
                            ? Scratch.text(file).strip()
                            : "Not measured yet: `tools/bench.sh " + part + "`.");
        }
        Path written = root.resolve("docs/performance.md");
        Scratch.write(written, PageSection.carriedOver(page, written));
    }

    private static double median(List<Double> sorted) {
        return sorted.get(sorted.size() / 2);
    }

    private static String numbers(List<Double> values) {
        return String.join(", ", values.stream().map(PerformancePage::number).toList());
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, value >= 100 ? "%.0f" : "%.2f", value);
    }
}
