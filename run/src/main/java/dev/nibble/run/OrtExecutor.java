package dev.nibble.run;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions.ExecutionMode;
import ai.onnxruntime.OrtSession.SessionOptions.OptLevel;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.ModelWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Runs models on this machine's processor with [ONNX Runtime](https://onnxruntime.ai).
///
/// Models must have passed Nibble's own checks before: ONNX Runtime is native code, and a damaged model may crash
/// it. Nothing is printed; all that goes wrong is thrown.
public final class OrtExecutor implements Executor {
    /// Models with more bytes of weights are handed over as a file with the weights beside it, which ONNX Runtime maps: bytes
    /// would be copied four times on their way, and weights within the file are parsed and copied.
    private static final long INLINE_LIMIT = 48L << 20;

    /// ONNX Runtime 1.29 crashes the process while it loads if the process's command line takes more (observed on
    /// Linux: 4,090 bytes load, 4,100 do not).
    private static final int LONGEST_COMMAND_LINE = 4095;

    /// The newest IR version that ONNX Runtime 1.29 reads.
    private static final long NEWEST_IR = 13;

    private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");

    private final OrtEnvironment environment;

    /// @throws NibbleException where ONNX Runtime's native library cannot be loaded here
    public OrtExecutor() {
        refuseLongCommandLine(COMMAND_LINE);
        try {
            // Every failure arrives as an exception; what ONNX Runtime logs beside it would be said twice.
            environment = OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, "nibble");
            environment.setTelemetry(false);
        } catch (UnsatisfiedLinkError | ExceptionInInitializerError | OrtException e) {
            throw new NibbleException(
                    "ONNX Runtime's native library cannot be loaded: " + e.getMessage(),
                    "it runs on Linux and Windows (x64), Linux and macOS (arm64); check that the temporary folder may be written",
                    e);
        }
    }

    /// @param commandLine where the system tells this process's command line; not there on other systems than Linux
    static void refuseLongCommandLine(Path commandLine) {
        if (!Files.isReadable(commandLine)) {
            return;
        }
        try {
            int length = Files.readAllBytes(commandLine).length;
            if (length > LONGEST_COMMAND_LINE) {
                throw new NibbleException(
                        "this process's command line has %d bytes, and ONNX Runtime crashes from %d on"
                                .formatted(length, LONGEST_COMMAND_LINE + 1),
                        "give Java its class path in the environment variable CLASSPATH, or in an @file");
            }
        } catch (IOException e) {
            throw new NibbleException(
                    "'%s' cannot be read: %s".formatted(commandLine, e.getMessage()), "check that /proc is mounted", e);
        }
    }

    /// The version of ONNX Runtime.
    public String version() {
        return environment.getVersion();
    }

    /// As [Executor#open]; the session can also write into memory of the caller's.
    @Override
    public OrtModel open(Model model, List<String> fetches, Options options) {
        return open(model, fetches, options, null);
    }

    /// As [#open], and times each kernel of each run; [OrtModel#endProfiling] tells where the file is.
    ///
    /// @param prefix of the profile's file, to which ONNX Runtime appends a time
    public OrtModel openProfiled(Model model, List<String> fetches, Options options, Path prefix) {
        return open(model, fetches, options, prefix);
    }

    OrtModel open(Model model, List<String> fetches, Options options, @Nullable Path profile) {
        Fetching fetching = Fetching.of(model, fetches);
        if (fetching.computed().isEmpty()) {
            return OrtModel.ofNothing(model, fetches, fetching);
        }
        String name = model.graph().name();
        Model given = readable(fetching.model());
        Path folder = null;
        try (OrtSession.SessionOptions settings = settings(options)) {
            // A plan of memory is kept for each shape of the inputs, and none of them is used twice where shapes vary.
            settings.setMemoryPatternOptimization(isStatic(given));
            if (profile != null) {
                settings.enableProfiling(profile.toString());
            }
            OrtSession session;
            if (given.graph().weightBytes() > INLINE_LIMIT) {
                folder = Files.createTempDirectory("nibble-run");
                Path file = folder.resolve("model.onnx");
                ModelWriter.writeApart(given, file);
                session = environment.createSession(file.toString(), settings);
            } else {
                session = environment.createSession(ModelWriter.toBytes(given), settings);
            }
            return new OrtModel(model, fetches, fetching, environment, session);
        } catch (OrtException e) {
            throw OrtFailure.of(name, "cannot be loaded", e);
        } catch (IOException e) {
            throw new NibbleException(
                    "model '%s' cannot be handed to ONNX Runtime: %s".formatted(name, e.getMessage()),
                    "check that the temporary folder may be written and has room",
                    e);
        } finally {
            delete(folder);
        }
    }

    /// `model` under an IR version that ONNX Runtime reads. A newer one changes what a file may hold beside the operators,
    /// which have versions of their own; where such a thing is used, ONNX Runtime says so itself.
    private static Model readable(Model model) {
        return model.irVersion() > NEWEST_IR ? model.withIrVersion(NEWEST_IR) : model;
    }

    /// Runs `model` once and tells which kernels ran. Where ONNX Runtime may rewrite the graph, this shows what it made
    /// of it: whether a QDQ model runs in integer kernels, for one.
    ///
    /// @throws NibbleException as [#open] and [OrtModel#run]
    public KernelProfile profile(Model model, Map<String, Tensor> inputs, Options options) {
        List<String> outputs =
                model.graph().outputs().stream().map(ValueInfo::name).toList();
        Path folder = null;
        try {
            folder = Files.createTempDirectory("nibble-profile");
            try (OrtModel session = open(model, outputs, options, folder.resolve("profile"))) {
                session.run(inputs);
                Path file = Path.of(session.endProfiling());
                try {
                    return KernelProfile.of(file);
                } finally {
                    Files.deleteIfExists(file);
                }
            }
        } catch (IOException e) {
            throw new NibbleException(
                    "model '%s' cannot be profiled: %s".formatted(model.graph().name(), e.getMessage()),
                    "check that the temporary folder may be written and has room",
                    e);
        } finally {
            delete(folder);
        }
    }

    private static OrtSession.SessionOptions settings(Options options) throws OrtException {
        OrtSession.SessionOptions settings = new OrtSession.SessionOptions();
        settings.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL);
        settings.setExecutionMode(ExecutionMode.SEQUENTIAL);
        settings.setInterOpNumThreads(1);
        // ONNX Runtime's own choice counts the machine's cores, not those this process may use.
        settings.setIntraOpNumThreads(
                options.threads() > 0 ? options.threads() : Runtime.getRuntime().availableProcessors());
        settings.addConfigEntry("session.intra_op.allow_spinning", "0");
        settings.setOptimizationLevel(
                switch (options.optimization()) {
                    case OFF -> OptLevel.NO_OPT;
                    case DEFAULT -> OptLevel.ALL_OPT;
                });
        return settings;
    }

    private static boolean isStatic(Model model) {
        return model.graph().feeds().stream()
                .allMatch(input -> input.tensorType()
                        .map(ValueType.TensorType::dims)
                        .map(dims -> dims.stream().allMatch(dim -> dim instanceof Dim.Known))
                        .orElse(false));
    }

    /// What is mapped stays readable until the session is closed; where the system does not allow deleting such a
    /// file, it is left to the end of the process.
    private static void delete(@Nullable Path folder) {
        if (folder == null) {
            return;
        }
        for (String file : List.of("model.onnx", "model.onnx.data", "")) {
            Path path = folder.resolve(file);
            try {
                Files.deleteIfExists(path);
            } catch (IOException e) {
                path.toFile().deleteOnExit();
            }
        }
    }
}
