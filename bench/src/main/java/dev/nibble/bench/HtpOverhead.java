package dev.nibble.bench;

import dev.nibble.data.Batch;
import dev.nibble.data.Batches;
import dev.nibble.data.DataSet;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.io.ModelReader;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.htp.HtpSession;
import dev.nibble.pipeline.PreparedModel;
import dev.nibble.pipeline.Progress;
import dev.nibble.pipeline.htp.HtpDevice;
import dev.nibble.run.OrtExecutor;
import dev.nibble.target.Targets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;

/// Makes the part of `docs/performance.md` on the HTP's process: what it costs beyond the library's own work, and how long
/// `placement` takes.
final class HtpOverhead {
    /// The part's name on the page.
    static final String SECTION = "htp-overhead";

    private static final String TARGET = "sm8650";
    private static final String PHONES = "sm8550,sm8650,sm8750,sm8850";
    private static final int WARM_UP = 3;
    private static final Setting W8A8 = Setting.HTP.getFirst();

    private final Path root;
    private final Path shared;
    private final Path work;
    private final HtpLibraries libraries;
    private final Facts facts = Facts.here();
    private final Consumer<String> say;

    /// @param root the project's folder
    /// @param shared the folder that holds `assets`
    /// @param work a folder outside version control
    HtpOverhead(Path root, Path shared, Path work, HtpLibraries libraries, Consumer<String> say) {
        this.root = root;
        this.shared = shared;
        this.work = work;
        this.libraries = libraries.require();
        this.say = say;
    }

    /// @param runs of each model
    void write(int runs) {
        Scratch.create(work);
        StringBuilder text = new StringBuilder(
                "| model, W8A8 | runs | in the library, ms a run | beside it, ms a run | overhead % |\n"
                        + "|---|---|---|---|---|\n");
        List<BenchModel> models = BenchModel.all(shared, work).stream()
                .filter(model -> List.of("KWS DS-CNN", "resnet8", "resnet20").contains(model.name()))
                .toList();
        for (BenchModel model : models) {
            String line = overhead(model, runs);
            text.append(line);
            say.accept(line.strip());
        }
        // The launcher may have to build first.
        new LauncherRun(root, work).run(List.of("--version"));
        text.append("\n| model, W8A8 | `placement` for one chip, s | for four chips, s |\n|---|---|---|\n");
        List<BenchModel> placed = new ArrayList<>(BenchModel.all(shared, work).stream()
                .filter(model ->
                        model.name().startsWith("MobileNet") || model.name().startsWith("PP-OCR"))
                .toList());
        for (BenchModel model : placed) {
            model.provide();
            String line = placement(model.name(), quantized(model), model.shapes());
            text.append(line);
            say.accept(line.strip());
        }
        BenchModel text128 = BenchModel.miniLm(shared, work);
        if (Files.exists(text128.model())) {
            Map<String, long[]> shapes = Map.of(
                    "input_ids", new long[] {1, 128},
                    "attention_mask", new long[] {1, 128},
                    "token_type_ids", new long[] {1, 128});
            String line = placement("MiniLM, 128 tokens, float", text128.model(), shapes);
            text.append(line);
            say.accept(line.strip());
        }
        text.append("\nMeasured %s: %s; %s, onnxruntime-qnn %s.\n"
                .formatted(LocalDate.now(ZoneOffset.UTC), facts.machine(), facts.versions(), libraries.version()));
        PageSection.replace(root.resolve("docs/performance.md"), SECTION, text.toString());
    }

    private Path quantized(BenchModel model) {
        OrtExecutor executor = new OrtExecutor();
        PreparedModel prepared =
                PreparedModel.read(model.model(), model.model().toString(), model.shapes(), executor, Progress.none());
        Path file = work.resolve("overhead.onnx");
        MeasureRow.quantize(
                model, W8A8, prepared, executor, Runtime.getRuntime().availableProcessors(), file, facts.nibble());
        return file;
    }

    private String overhead(BenchModel bench, int runs) {
        Model model = ModelReader.read(quantized(bench));
        Executor.Options plain = new Executor.Options(1, Executor.Optimization.OFF);
        List<String> outputs = List.of(model.graph().outputs().getFirst().name());
        double wall = 0;
        double library;
        int done = 0;
        try (DataSet data = DataSet.open(
                        bench.evaluation().path(), bench.evaluation().options(), PreparedModel.inputs(model));
                HtpSession session = new HtpDevice(libraries, Targets.find(TARGET))
                        .executor(1)
                        .open(model, outputs, plain);
                Batches samples = data.batches(1)) {
            Batch sample = samples.next();
            for (int i = 0; i < WARM_UP; i++) {
                session.run(sample.inputs());
            }
            double before = session.computing().toNanos();
            while (done < runs && samples.hasNext()) {
                sample = samples.next();
                long start = System.nanoTime();
                session.run(sample.inputs());
                wall += System.nanoTime() - start;
                done++;
            }
            library = session.computing().toNanos() - before;
        }
        return "| %s | %,d | %s | %s | **%s** |\n"
                .formatted(
                        bench.name(),
                        done,
                        number(library / done / 1e6),
                        number((wall - library) / done / 1e6),
                        number(100 * (wall - library) / library));
    }

    private String placement(String name, Path file, Map<String, long[]> shapes) {
        return "| %s | %s | **%s** |\n"
                .formatted(name, number(seconds(file, shapes, TARGET)), number(seconds(file, shapes, PHONES)));
    }

    /// Of the command as a user gives it.
    private double seconds(Path file, Map<String, long[]> shapes, String targets) {
        List<String> command = new ArrayList<>(List.of("placement", file.toString(), "--target", targets, "--quiet"));
        shapes.forEach((input, dims) -> {
            List<String> sizes = new ArrayList<>();
            for (long dim : dims) {
                sizes.add(Long.toString(Math.max(1, dim)));
            }
            command.addAll(List.of("--shape", input + "=" + String.join(",", sizes)));
        });
        LauncherRun launcher = new LauncherRun(root, work);
        long start = System.nanoTime();
        launcher.run(command);
        return (System.nanoTime() - start) / 1e9;
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, value >= 100 ? "%.0f" : "%.2f", value);
    }
}
