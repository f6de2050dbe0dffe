package dev.nibble.pipeline;

import com.sun.management.OperatingSystemMXBean;
import dev.nibble.report.Machine;
import dev.nibble.run.CpuFeatures;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What the machine is on which times were taken.
final class MachineFacts {
    private MachineFacts() {}

    static Machine of(int threads) {
        Long memory = ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
                ? system.getTotalMemorySize()
                : null;
        return new Machine(
                System.getProperty("os.name") + " " + System.getProperty("os.version"),
                System.getProperty("os.arch"),
                cpu(),
                Runtime.getRuntime().availableProcessors(),
                threads,
                memory,
                System.getProperty("java.vm.name") + " " + System.getProperty("java.version"));
    }

    /// The processor's name and the instructions that integer kernels care for; null where the system does not tell.
    private static @Nullable String cpu() {
        CpuFeatures features = CpuFeatures.here();
        String instructions = Stream.of("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")
                .filter(features.flags()::contains)
                .map(flag -> flag.replace('_', '-').toUpperCase(Locale.ROOT))
                .collect(Collectors.joining(", "));
        return features.model().isEmpty()
                ? null
                : features.model() + (instructions.isEmpty() ? "" : " (" + instructions + ")");
    }
}
