package dev.nibble.npu.profile;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The figures of a run that every tool has, under one name. Where one contains another, both are given: the
/// accelerator's time is inside RPC's, RPC's inside the application's.
public enum Phase {
    /// As the application measured it.
    NET_RUN("netRunMicros", "the application's clock"),
    /// As the QNN library measured it.
    EXECUTE("executeMicros", "QNN (execute)"),
    /// The remote procedure call to the device and back.
    RPC("rpcMicros", "RPC"),
    /// On the device, with what its driver does around the graph.
    QNN_ACCELERATOR("qnnAcceleratorMicros", "QNN accelerator"),
    /// The graph alone.
    ACCELERATOR("acceleratorMicros", "accelerator"),
    /// The graph alone, without waiting.
    ACCELERATOR_NO_WAIT("acceleratorExcludingWaitMicros", "accelerator without waits"),
    QUEUE_WAIT("queueWaitMicros", "queue wait"),
    /// Waiting for the first piece of fast memory.
    VTCM_WAIT("vtcmWaitMicros", "VTCM wait"),
    /// Powering the vector and matrix units.
    POWER("powerMicros", "power on"),
    CYCLES("acceleratorCycles", "accelerator cycles"),
    /// The longest chain of operators that wait for each other.
    CRITICAL_CYCLES("criticalPathCycles", "critical path cycles"),
    HVX_THREADS("hvxThreads", "HVX threads"),
    YIELDS("yields", "yields"),
    PER_SECOND("inferencesPerSecond", "inferences a second");

    private final String key;
    private final String title;

    Phase(String key, String title) {
        this.key = key;
        this.title = title;
    }

    /// Its name in JSON, with its unit.
    public String key() {
        return key;
    }

    /// Its name for people.
    public String title() {
        return title;
    }

    /// The phase that an identifier of a run names, such as `RPC (execute) time`; null where it names none.
    public static @Nullable Phase of(String identifier, Unit unit) {
        String name = identifier.toLowerCase(Locale.ROOT);
        return switch (unit) {
            case COUNT -> name.contains("hvx threads") ? HVX_THREADS : name.contains("yield") ? YIELDS : null;
            case PER_SECOND -> PER_SECOND;
            case BYTES -> null;
            case CYCLES ->
                !name.startsWith("accelerator (")
                        ? null
                        : name.contains("critical path") ? CRITICAL_CYCLES : name.contains("execut") ? CYCLES : null;
            case MICROS -> ofTime(name);
        };
    }

    private static @Nullable Phase ofTime(String name) {
        if (name.startsWith("netrun")
                || name.startsWith("graph ")
                || name.startsWith("total inference time")
                || name.equals("model_run")) {
            return NET_RUN;
        }
        if (name.contains("vtcm acquire")) {
            return VTCM_WAIT;
        }
        if (name.contains("power on")) {
            return POWER;
        }
        if (name.contains("queue wait")) {
            return QUEUE_WAIT;
        }
        if (name.startsWith("rpc ")) {
            return RPC;
        }
        if (name.startsWith("qnn accelerator") || name.startsWith("snpe accelerator")) {
            return QNN_ACCELERATOR;
        }
        if (name.startsWith("accelerator")) {
            return name.contains("excluding wait") ? ACCELERATOR_NO_WAIT : ACCELERATOR;
        }
        return name.startsWith("qnn (") || name.startsWith("qnn execute") || name.startsWith("forward propagate")
                ? EXECUTE
                : null;
    }
}
