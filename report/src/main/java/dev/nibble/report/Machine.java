package dev.nibble.report;

import org.jspecify.annotations.Nullable;

/// The machine the times were taken on.
///
/// @param cpu model name and what matters for integer kernels, e.g. `Xeon 8375C (AVX-512 VNNI)`
/// @param processors available to the process
/// @param threads used
/// @param java runtime, e.g. `Temurin 25.0.3`
public record Machine(
        String os,
        String arch,
        @Nullable String cpu,
        int processors,
        int threads,
        @Nullable Long memoryBytes,
        String java) {
    public Machine {
        Values.present("machine.os", os);
        Values.present("machine.arch", arch);
        Values.present("machine.java", java);
    }
}
