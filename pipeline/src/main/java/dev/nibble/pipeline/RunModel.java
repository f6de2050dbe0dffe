package dev.nibble.pipeline;

import dev.nibble.data.Batch;
import dev.nibble.data.Batches;
import dev.nibble.data.DataSet;
import dev.nibble.data.Doctor;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.htp.HtpExecutor;
import dev.nibble.htp.HtpSession;
import dev.nibble.pipeline.RunResult.Output;
import dev.nibble.pipeline.htp.HtpDevice;
import dev.nibble.pipeline.output.StagedDirectory;
import dev.nibble.run.OrtExecutor;
import dev.nibble.run.OrtModel;
import dev.nibble.run.soak.Latencies;
import dev.nibble.run.soak.ProcessState;
import dev.nibble.run.soak.Soak;
import dev.nibble.run.soak.SoakResult;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/// `run`: runs a model on samples, keeps its outputs, and measures how long it takes, once or a thousand times.
public final class RunModel {
    /// QNN's names of power settings.
    public static final List<String> PERF_PROFILES = List.of(
            "burst",
            "sustained_high_performance",
            "high_performance",
            "balanced",
            "low_balanced",
            "high_power_saver",
            "power_saver",
            "low_power_saver",
            "extreme_power_saver",
            "system_settings");

    /// Samples are held in memory while they are measured.
    private static final int MOST_SAMPLES = 64;

    private static final int WARMUP = 5;

    /// Runs that are profiled: a mean of more would hardly differ, and the file grows with each.
    private static final int PROFILED = 20;

    /// As Qualcomm's plugin writes it.
    private static final String HTP_PROFILE = "profile.csv";

    private final Options options;
    private final List<String> said = new ArrayList<>();
    private final List<String> files = new ArrayList<>();

    /// Everything `run` is told.
    ///
    /// @param iterations runs to measure
    /// @param soak runs of the soak; 0 for none
    /// @param perfProfile one of [#PERF_PROFILES]
    /// @param profiling how much is written beside the outputs
    /// @param out the folder to write to
    /// @param htp the emulator to run on; empty: ONNX Runtime on the CPU
    public record Options(
            Path model,
            QuantizeOptions.Samples data,
            Map<String, long[]> shapes,
            int threads,
            int iterations,
            int soak,
            String perfProfile,
            Profiling profiling,
            Path out,
            boolean overwrite,
            Optional<HtpDevice> htp) {}

    /// How much `run` writes about time.
    public enum Profiling {
        OFF,
        /// The time of each run: `latency.csv`.
        BASIC,
        /// The time of each kernel too: `profile.json`.
        DETAILED
    }

    private RunModel(Options options) {
        this.options = options;
    }

    /// @throws NibbleException for whatever the user can mend
    public static RunResult run(Options options, Progress progress) {
        if (options.iterations() < 1 || options.soak() != 0 && options.soak() < 10) {
            throw new NibbleException("--iterations must be at least 1, and --soak at least 10", "leave --soak out");
        }
        try {
            return new RunModel(options).result(progress);
        } catch (NibbleException e) {
            throw SequenceLength.explained(e, options.model(), options.shapes(), List.of(options.data()));
        } catch (IOException e) {
            throw new NibbleException(
                    "'" + options.out() + "' cannot be written: " + e.getMessage(), "give another --out", e);
        }
    }

    private RunResult result(Progress progress) throws IOException {
        ModelFile file = ModelFile.toRun(options.model(), options.shapes());
        Model model = file.model();
        List<String> names =
                model.graph().outputs().stream().map(ValueInfo::name).toList();
        Executor.Options how = new Executor.Options(options.threads(), Executor.Optimization.DEFAULT);
        List<String> written = new ArrayList<>(List.of("run.json", "run.html"));
        if (options.profiling() != Profiling.OFF) {
            written.add("latency.csv");
        }
        if (options.profiling() == Profiling.DETAILED) {
            written.add("profile.json");
        }
        if (options.htp().isPresent()) {
            written.add(HTP_PROFILE);
        }
        try (StagedDirectory staged = StagedDirectory.open(options.out(), written, options.overwrite());
                Arena arena = Arena.ofShared()) {
            List<Map<String, Tensor>> inputs = inputs(model, arena);
            List<Output> outputs;
            Latencies latencies;
            SoakResult soak = null;
            long[] nanos = new long[options.iterations()];
            try (Executor.Session session = open(model, names, how)) {
                outputs = outputs(session, inputs, staged);
                latencies = latencies(session, inputs, nanos, progress);
                if (options.soak() > 0) {
                    soak = soak(session, inputs, progress);
                }
            }
            String profile = null;
            if (options.profiling() != Profiling.OFF) {
                latencyFile(staged, nanos);
            }
            if (options.htp().isPresent() && options.profiling() != Profiling.OFF) {
                profile = htpProfile(options.htp().get(), model, names, how, inputs, staged);
            } else if (options.profiling() == Profiling.DETAILED) {
                profile = profile(model, names, how, inputs, staged);
            }
            said.add(options.htp()
                    .map(device -> "times, and cycles in a profile, are this machine's work for emulating the HTP of "
                            + device.target().name() + ", not a device's")
                    .orElse("times are of this machine's processor (ONNX Runtime), not of an NPU"));
            if (!options.perfProfile().isEmpty()) {
                said.add(
                        options.htp().isPresent()
                                ? "--perf-profile was passed on, and changes nothing on an emulator"
                                : "--perf-profile sets a device's clocks and does nothing here");
            }
            RunResult result = new RunResult(
                    options.model().toString(),
                    options.htp().isPresent() ? HtpDevice.NAME : "cpu",
                    "host",
                    inputs.size(),
                    options.iterations(),
                    WARMUP,
                    latencies,
                    options.perfProfile(),
                    options.profiling().name().toLowerCase(Locale.ROOT),
                    qnnNetRun(),
                    outputs,
                    profile,
                    soak,
                    files,
                    said);
            files.add("run.json");
            files.add("run.html");
            Files.writeString(staged.file("run.html"), RunFiles.html(result));
            Files.writeString(staged.file("run.json"), RunFiles.json(result));
            staged.commit();
            return result;
        }
    }

    private Executor.Session open(Model model, List<String> names, Executor.Options how) {
        if (options.htp().isPresent()) {
            return options.htp()
                    .get()
                    .executor(1)
                    .timed(options.perfProfile(), Optional.empty())
                    .open(model, names, how);
        }
        return new OrtExecutor().open(model, names, how);
    }

    /// The samples, in native memory that ONNX Runtime reads in place.
    private List<Map<String, Tensor>> inputs(Model model, Arena arena) {
        List<Map<String, Tensor>> inputs = new ArrayList<>();
        try (DataSet data = DataSet.open(options.data().path(), options.data().options(), PreparedModel.inputs(model));
                Batches batches = data.batches(
                        data.options().batch() == null ? 1 : data.options().batch(), new Doctor())) {
            while (batches.hasNext() && inputs.size() < MOST_SAMPLES) {
                Batch batch = batches.next();
                Map<String, Tensor> copied = new LinkedHashMap<>();
                batch.inputs().forEach((name, tensor) -> copied.put(name, copied(tensor, arena)));
                inputs.add(copied);
            }
            if (batches.hasNext()) {
                said.add("the first %d of the samples were run; --take chooses others".formatted(MOST_SAMPLES));
            }
        }
        if (inputs.isEmpty()) {
            throw new NibbleException("'" + options.data().path() + "' has no samples", "give at least one");
        }
        return inputs;
    }

    private static Tensor copied(Tensor tensor, Arena arena) {
        long bytes = tensor.data().byteSize();
        MemorySegment own = arena.allocate(Math.max(1, bytes), 64).asSlice(0, bytes);
        own.copyFrom(tensor.data());
        return new Tensor(tensor.type(), tensor.shape(), own);
    }

    /// As qnn-net-run lays them out: `output/Result_0/NAME.raw`.
    private List<Output> outputs(Executor.Session session, List<Map<String, Tensor>> inputs, StagedDirectory staged)
            throws IOException {
        List<Output> outputs = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
            for (Map.Entry<String, Tensor> output : session.run(inputs.get(i)).entrySet()) {
                Tensor tensor = output.getValue();
                String name = "output/Result_" + i + "/"
                        + output.getKey().replaceAll("[^\\w.-]", "_").replaceFirst("^\\.+", "_") + ".raw";
                try (OutputStream out = Files.newOutputStream(staged.file(name));
                        WritableByteChannel channel = Channels.newChannel(out)) {
                    channel.write(tensor.data().asByteBuffer());
                }
                if (i == 0) {
                    outputs.add(new Output(
                            output.getKey(),
                            tensor.type().onnxName(),
                            tensor.shape().toString()));
                    files.add(name);
                }
            }
        }
        return outputs;
    }

    private Latencies latencies(
            Executor.Session session, List<Map<String, Tensor>> inputs, long[] nanos, Progress progress) {
        long[] warmup = new long[WARMUP];
        for (int i = 0; i < WARMUP; i++) {
            warmup[i] = once(session, inputs.get(i % inputs.size())).nanos();
        }
        try (Progress.Stage stage = progress.begin("running", nanos.length)) {
            for (int i = 0; i < nanos.length; i++) {
                nanos[i] = once(session, inputs.get(i % inputs.size())).nanos();
                stage.advance();
            }
        }
        return Latencies.of(warmup, nanos);
    }

    private SoakResult soak(Executor.Session session, List<Map<String, Tensor>> inputs, Progress progress) {
        try (Progress.Stage stage = progress.begin("soaking", options.soak())) {
            return Soak.run(
                    sample -> once(session, inputs.get(sample)),
                    inputs.size(),
                    options.soak(),
                    WARMUP,
                    done -> stage.advance(),
                    () -> state(session));
        }
    }

    /// Of the process that computes.
    private static ProcessState state(Executor.Session session) {
        return session instanceof HtpSession htp && !htp.processes().isEmpty()
                ? ProcessState.of(htp.processes().getFirst())
                : ProcessState.now();
    }

    /// What the plugin writes of some runs of their own.
    private String htpProfile(
            HtpDevice device,
            Model model,
            List<String> names,
            Executor.Options how,
            List<Map<String, Tensor>> inputs,
            StagedDirectory staged) {
        HtpExecutor.Profile wanted =
                new HtpExecutor.Profile(options.profiling() == Profiling.DETAILED, staged.file(HTP_PROFILE));
        int runs = Math.min(PROFILED, options.iterations());
        try (Executor.Session session = device.executor(1)
                .timed(options.perfProfile(), Optional.of(wanted))
                .open(model, names, how)) {
            for (int i = 0; i < runs; i++) {
                session.run(inputs.get(i % inputs.size()));
            }
        }
        if (!Files.exists(wanted.file())) {
            throw new NibbleException(
                    "Qualcomm's plugin wrote no profile of '%s'".formatted(options.model()),
                    "run without --profiling-level, or see nibble htp status");
        }
        files.add(HTP_PROFILE);
        said.add("%s is of %d runs of their own".formatted(HTP_PROFILE, runs));
        return HTP_PROFILE;
    }

    private static Soak.Run once(Executor.Session session, Map<String, Tensor> inputs) {
        long start = System.nanoTime();
        Map<String, Tensor> outputs = session.run(inputs);
        long nanos = System.nanoTime() - start;
        CRC32C digest = new CRC32C();
        outputs.values().forEach(tensor -> digest.update(tensor.data().asByteBuffer()));
        return new Soak.Run(nanos, digest.getValue());
    }

    private @Nullable String profile(
            Model model,
            List<String> names,
            Executor.Options how,
            List<Map<String, Tensor>> inputs,
            StagedDirectory staged)
            throws IOException {
        Path folder = Files.createTempDirectory("nibble-run");
        try (OrtModel session = new OrtExecutor().openProfiled(model, names, how, folder.resolve("profile"))) {
            for (int i = 0; i < Math.min(PROFILED, options.iterations()); i++) {
                session.run(inputs.get(i % inputs.size()));
            }
            String made = session.endProfiling();
            if (made.isEmpty()) {
                return null;
            }
            Files.move(Path.of(made), staged.file("profile.json"));
            files.add("profile.json");
            said.add("profile.json is of %d runs of their own, which timing slows down"
                    .formatted(Math.min(PROFILED, options.iterations())));
            return "profile.json";
        } finally {
            Files.deleteIfExists(folder);
        }
    }

    private void latencyFile(StagedDirectory staged, long[] nanos) throws IOException {
        StringBuilder text = new StringBuilder("iteration,micros\n");
        for (int i = 0; i < nanos.length; i++) {
            text.append(i).append(',').append(nanos[i] / 1e3).append('\n');
        }
        Files.writeString(staged.file("latency.csv"), text);
        files.add("latency.csv");
    }

    private String qnnNetRun() {
        String name = String.valueOf(options.model().getFileName());
        String stem = name.endsWith(".onnx") ? name.substring(0, name.length() - ".onnx".length()) : name;
        List<String> words = new ArrayList<>(List.of(
                "qnn-net-run",
                "--backend",
                "libQnnHtp.so",
                "--retrieve_context",
                stem + ".bin",
                "--input_list",
                "input_list.txt",
                "--output_dir",
                "output",
                "--num_inferences",
                Integer.toString(options.iterations())));
        words.addAll(List.of(
                "--perf_profile", options.perfProfile().isEmpty() ? "high_performance" : options.perfProfile()));
        if (options.profiling() != Profiling.OFF) {
            words.addAll(List.of("--profiling_level", options.profiling().name().toLowerCase(Locale.ROOT)));
        }
        return Shell.line(words);
    }
}
