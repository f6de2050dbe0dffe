package dev.nibble.report;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The outcome of `htp-config`: a configuration that was made, or one that was read.
///
/// @param target the chip; null where a file was read without one
/// @param imported the file that was read; null where one was made
/// @param graphNames the graphs that the settings are for
/// @param scenario `camera`, `batch`, `background`; null where a file was read
/// @param profile the performance profile, and what it votes for; null where a file was read
/// @param files what was written
/// @param commands the lines to run, in order
/// @param onnxRuntime options of ONNX Runtime's QNN provider that say the same
/// @param vtcm what the estimate's working sets say; null where no model was given
/// @param profiles every profile, and when to choose it
/// @param issues keys of the file that was read which do nothing, or soon will
public record HtpConfigDocument(
        int schemaVersion,
        String nibble,
        @Nullable String target,
        @Nullable String imported,
        List<String> graphNames,
        @Nullable String scenario,
        @Nullable Profile profile,
        List<FileRecord> files,
        List<String> commands,
        Map<String, String> onnxRuntime,
        @Nullable Vtcm vtcm,
        List<Profile> profiles,
        List<Issue> issues,
        List<Finding> findings)
        implements Document {
    public HtpConfigDocument {
        Values.present("nibble", nibble);
        graphNames = Values.list(graphNames);
        files = Values.list(files);
        commands = Values.list(commands);
        onnxRuntime = Values.map(onnxRuntime);
        profiles = Values.list(profiles);
        issues = Values.list(issues);
        findings = Values.list(findings);
    }

    /// A performance profile.
    ///
    /// @param sleepLatencyMicros how late the HTP may wake
    /// @param corner the lowest voltage corner
    /// @param held how long the vote is held
    /// @param rpcPollingMicros how long the CPU polls; 0 is an interrupt
    public record Profile(
            String name, int sleepLatencyMicros, String corner, String held, int rpcPollingMicros, String when) {}

    /// @param path the key and where it stands: `graphs[0].enable_dlbc`
    /// @param instead the real equivalent, or that there is none
    public record Issue(String code, Finding.Severity severity, String path, String text, String instead) {}

    /// @param vtcmMb what the model gets
    /// @param peakMb the most that lives at once, whole tensors
    /// @param utilization the largest tile over the VTCM
    /// @param compressedMicros what spilling would take with DLBC; assumed
    /// @param holdsAllMb the least VTCM that holds the peak without tiles
    public record Vtcm(
            int vtcmMb,
            double peakMb,
            double utilization,
            int tiledLayers,
            double spilledMb,
            double spillMicros,
            double compressedMicros,
            int holdsAllMb,
            List<Spill> spilling,
            List<String> advice) {
        public Vtcm {
            spilling = Values.list(spilling);
            advice = Values.list(advice);
        }
    }

    /// A layer whose inputs go out to DRAM and back.
    public record Spill(String layer, String op, double megabytes, long tiles) {}
}
