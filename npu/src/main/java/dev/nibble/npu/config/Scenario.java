package dev.nibble.npu.config;

/// What a model is run for, and the settings that follow from it.
public enum Scenario {
    /// Frames in real time.
    CAMERA(PerfProfile.SUSTAINED_HIGH_PERFORMANCE, "basic", 100),
    /// Many inputs, as soon as possible.
    BATCH(PerfProfile.BURST, "off", 100),
    /// Nobody waits.
    BACKGROUND(PerfProfile.POWER_SAVER, "off", 1000);

    private final PerfProfile profile;
    private final String profiling;
    private final int controlLatencyMicros;

    Scenario(PerfProfile profile, String profiling, int controlLatencyMicros) {
        this.profile = profile;
        this.profiling = profiling;
        this.controlLatencyMicros = controlLatencyMicros;
    }

    public PerfProfile profile() {
        return profile;
    }

    /// `basic`, or `off`.
    public String profiling() {
        return profiling;
    }

    /// How late a call may reach the HTP, µs.
    public int controlLatencyMicros() {
        return controlLatencyMicros;
    }
}
