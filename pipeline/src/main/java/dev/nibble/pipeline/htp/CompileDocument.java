package dev.nibble.pipeline.htp;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// The outcome of `compile`, and the file `manifest.json` beside what was compiled.
///
/// @param model the source, and its SHA-256
/// @param compiler the version of Qualcomm's package
/// @param inputs what the model takes
/// @param outputs what it gives
public record CompileDocument(
        int schemaVersion,
        String nibble,
        Source model,
        String compiler,
        List<Artifact> artifacts,
        List<Edge> inputs,
        List<Edge> outputs) {
    public CompileDocument {
        artifacts = List.copyOf(artifacts);
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
    }

    /// The model that was compiled.
    public record Source(String path, String sha256) {}

    /// One chip's binary.
    ///
    /// @param path the context binary
    /// @param wrapper the ONNX file that ONNX Runtime loads it by
    /// @param vtcmMb as asked; null: all that the chip has
    /// @param optimization as asked; null: the compiler's choice
    /// @param identical whether the binary, loaded back, gave the same bits as the model on the emulator
    /// @param checkDb the signal-to-noise ratio between the two, dB; null where they are identical
    public record Artifact(
            String soc,
            int socId,
            String arch,
            String path,
            String wrapper,
            long bytes,
            String sha256,
            double compileSeconds,
            @Nullable Integer vtcmMb,
            @Nullable Integer optimization,
            boolean identical,
            @Nullable Double checkDb) {}

    /// An input or output; scale and zero point where a quantizer stands at it.
    public record Edge(
            String name,
            String type,
            String shape,
            @Nullable Double scale,
            @Nullable Long zeroPoint) {}
}
