package dev.nibble.pipeline;

import dev.nibble.run.soak.Latencies;
import dev.nibble.run.soak.SoakResult;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What `run` measured.
///
/// @param on `cpu` or `htp`, the emulator
/// @param badge whose times these are: `host`
/// @param samples different inputs, taken in turn
/// @param warmup runs before, which are in none of the figures but `latency.firstMicros`
/// @param qnnNetRun the line that does the same on a device
/// @param profileFile the profile's file in the output folder; null at profiling levels off and basic
/// @param soak null without `--soak`
/// @param said what the reader must know to take the figures for what they are
public record RunResult(
        String model,
        String on,
        String badge,
        int samples,
        int iterations,
        int warmup,
        Latencies latency,
        String perfProfile,
        String profilingLevel,
        String qnnNetRun,
        List<Output> outputs,
        @Nullable String profileFile,
        @Nullable SoakResult soak,
        List<String> files,
        List<String> said) {
    public RunResult {
        outputs = List.copyOf(outputs);
        files = List.copyOf(files);
        said = List.copyOf(said);
    }

    /// An output of the model.
    ///
    /// @param type ONNX's name of the element type
    /// @param shape of one run
    public record Output(String name, String type, String shape) {}
}
