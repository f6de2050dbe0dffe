package dev.nibble.pipeline;

import com.sun.management.OperatingSystemMXBean;
import dev.nibble.report.Machine;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What the machine is on which times were taken.
final class MachineFacts {
    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

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

    /// The processor's name and the instructions that integer kernels care for; null where Linux does not tell.
    private static @Nullable String cpu() {
        Optional<String> name = cpuInfo("model name");
        Optional<String> flags = cpuInfo("flags");
        return name.map(n -> n
                        + flags.map(MachineFacts::vectorInstructions)
                                .filter(f -> !f.isEmpty())
                                .map(f -> " (" + f + ")")
                                .orElse(""))
                .orElse(null);
    }

    /// Whether 8-bit products are summed without saturating in 16 bits on the way (VNNI, or any ARM).
    static boolean sumsBytesExactly() {
        if (!System.getProperty("os.arch").toLowerCase(Locale.ROOT).matches("amd64|x86_64|x86")) {
            return true;
        }
        return cpuInfo("flags").map(flags -> flags.contains("vnni")).orElse(false);
    }

    private static String vectorInstructions(String flags) {
        return Stream.of("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")
                .filter(flag -> (" " + flags + " ").contains(" " + flag + " "))
                .map(flag -> flag.replace('_', '-').toUpperCase(Locale.ROOT))
                .reduce((a, b) -> a + ", " + b)
                .orElse("");
    }

    private static Optional<String> cpuInfo(String key) {
        if (!Files.isReadable(CPU_INFO)) {
            return Optional.empty();
        }
        try (Stream<String> lines = Files.lines(CPU_INFO)) {
            return lines.filter(line -> line.startsWith(key))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst();
        } catch (IOException e) {
            // A machine that does not tell its name is no reason to fail; the report leaves the name out.
            return Optional.empty();
        }
    }
}
