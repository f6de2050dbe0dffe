package dev.nibble.npu.profile;

import java.util.Locale;

/// Where a node ran.
public enum Where {
    HTP,
    CPU,
    GPU,
    /// The file does not say.
    UNKNOWN;

    /// Its name in JSON.
    public String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// From the words that tools use: `DSP`, `QNN`, `CPUExecutionProvider`, …
    public static Where of(String word) {
        String lower = word.toLowerCase(Locale.ROOT);
        if (lower.contains("cpu")) {
            return CPU;
        }
        if (lower.contains("gpu") || lower.contains("adreno")) {
            return GPU;
        }
        return lower.contains("qnn") || lower.contains("dsp") || lower.contains("htp") || lower.contains("aip")
                ? HTP
                : UNKNOWN;
    }
}
