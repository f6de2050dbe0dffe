package dev.nibble.pipeline.htp;

import dev.nibble.report.Finding;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The outcome of `compile`, and the file `manifest.json` beside what was compiled.
///
/// @param model the source, and its SHA-256
/// @param compiler the version of Qualcomm's package
/// @param format `context` or `dlc`
/// @param inputs what the compiled model takes
/// @param outputs what it gives
public record CompileDocument(
        int schemaVersion,
        String nibble,
        Source model,
        String compiler,
        String format,
        List<Artifact> artifacts,
        List<Edge> inputs,
        List<Edge> outputs,
        List<Finding> findings) {
    public CompileDocument {
        artifacts = List.copyOf(artifacts);
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        findings = List.copyOf(findings);
    }

    /// The model that was compiled.
    public record Source(String path, String sha256) {}

    /// What was compiled for one chip.
    ///
    /// @param path the context binary or DLC
    /// @param wrapper the ONNX file that ONNX Runtime loads a context binary by; null for a DLC
    /// @param wrapperSha256 null for a DLC
    /// @param vtcmMb as asked; null: all that the chip has
    /// @param optimization as asked; null: the compiler's choice
    /// @param identical whether the binary, loaded back, gave the same bits as the model on the emulator; null where it
    ///     could not be run here
    /// @param checkDb the signal-to-noise ratio between the two, dB; null where they are identical or it was not run
    /// @param unchecked why it was not run; null where it was
    /// @param estimate the compiler's own estimate; null where it makes none for the chip
    /// @param onDevice lines that put it on a device and run it
    public record Artifact(
            String soc,
            int socId,
            String arch,
            String path,
            @Nullable String wrapper,
            long bytes,
            String sha256,
            @Nullable String wrapperSha256,
            double compileSeconds,
            @Nullable Integer vtcmMb,
            @Nullable Integer optimization,
            @Nullable Boolean identical,
            @Nullable Double checkDb,
            @Nullable String unchecked,
            @Nullable Estimate estimate,
            List<String> onDevice) {
        public Artifact {
            onDevice = List.copyOf(onDevice);
        }
    }

    /// How long the compiler itself reckons that a run takes.
    ///
    /// @param low the compiler's own lower bound, microseconds
    /// @param high the compiler's own upper bound, microseconds
    /// @param inputFillBytes weights and inputs read from DRAM
    /// @param fillBytes activations read back from DRAM, as they did not fit the on-chip memory
    /// @param spillBytes activations written to DRAM, as they did not fit the on-chip memory
    /// @param operatorsWithoutCost operators that `micros` leaves out
    /// @param basis what these figures are, and their measured errors
    public record Estimate(
            double micros,
            double low,
            double high,
            long inputFillBytes,
            long fillBytes,
            long spillBytes,
            int operatorsWithoutCost,
            String basis) {
        static Estimate of(CompilerEstimate estimated) {
            var figures = estimated.estimate();
            return new Estimate(
                    figures.micros(),
                    figures.lowMicros(),
                    figures.highMicros(),
                    figures.inputFillBytes(),
                    figures.intermediateFillBytes(),
                    figures.intermediateSpillBytes(),
                    figures.operatorsWithoutCost(),
                    estimated.basis());
        }
    }

    /// An input or output; scale and zero point where a quantizer stands at it.
    public record Edge(
            String name,
            String type,
            String shape,
            @Nullable Double scale,
            @Nullable Long zeroPoint) {}
}
