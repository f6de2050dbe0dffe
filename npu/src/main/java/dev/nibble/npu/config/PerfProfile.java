package dev.nibble.npu.config;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// What a performance profile votes for, after Qualcomm's documentation of the HTP backend.
///
/// A vote is a wish to the chip's power manager: clocks of HTP and bus not below a corner, and how soon the HTP may
/// sleep. Dynamic clocks (DCVS) are off in all of them.
public enum PerfProfile {
    BURST(
            40,
            "maximum",
            "until the run ends",
            true,
            "a few runs as fast as possible: batches, benchmarks; the phone heats up"),
    SUSTAINED_HIGH_PERFORMANCE(
            100, "turbo", "all the time", true, "frames in real time for minutes: camera, video, speech"),
    HIGH_PERFORMANCE(
            100,
            "turbo",
            "relaxed between runs",
            true,
            "single requests that a person waits for; what QNN takes unasked"),
    BALANCED(1000, "nominal plus", "relaxed between runs", false, "requests that may take half as long again"),
    LOW_BALANCED(1000, "nominal", "relaxed between runs", false, "regular work that nobody waits for"),
    HIGH_POWER_SAVER(1000, "SVS plus", "relaxed between runs", false, "work in the background that should end soon"),
    POWER_SAVER(1000, "SVS", "relaxed between runs", false, "work in the background"),
    LOW_POWER_SAVER(1000, "SVS2", "relaxed between runs", false, "work in the background, on battery"),
    EXTREME_POWER_SAVER(1000, "lowest", "relaxed between runs", false, "what may take as long as it likes"),
    SYSTEM_SETTINGS(0, "none", "never", false, "whoever calls votes himself");

    private final int sleepLatencyMicros;
    private final String corner;
    private final String held;
    private final boolean polling;
    private final String when;

    PerfProfile(int sleepLatencyMicros, String corner, String held, boolean polling, String when) {
        this.sleepLatencyMicros = sleepLatencyMicros;
        this.corner = corner;
        this.held = held;
        this.polling = polling;
        this.when = when;
    }

    /// How late the HTP may wake, µs; 0 where nothing is voted for.
    public int sleepLatencyMicros() {
        return sleepLatencyMicros;
    }

    /// The lowest voltage corner.
    public String corner() {
        return corner;
    }

    /// How long the vote is held.
    public String held() {
        return held;
    }

    /// How long the CPU polls for the answer of the HTP, µs; 0 is an interrupt.
    public int rpcPollingMicros() {
        return polling ? 9999 : 0;
    }

    /// When to choose it.
    public String when() {
        return when;
    }

    /// As QAIRT's files and command lines write it.
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// As ONNX Runtime's option `htp_performance_mode` writes it.
    public String onnxRuntime() {
        return this == SYSTEM_SETTINGS ? "default" : key();
    }

    /// @throws NibbleException where there is no such profile
    public static PerfProfile named(String name) {
        String wanted = name.strip().toLowerCase(Locale.ROOT).replace('-', '_');
        return Arrays.stream(values())
                .filter(p -> p.key().equals(wanted))
                .findFirst()
                .orElseThrow(() -> new NibbleException(
                        "there is no performance profile '" + name + "'",
                        Nearest.didYouMean(wanted, keys(), "use one of " + String.join(", ", keys()))));
    }

    static List<String> keys() {
        return Arrays.stream(values()).map(PerfProfile::key).toList();
    }
}
