package dev.nibble.run;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// How much memory this process has used at most.
///
/// @param bytes the most so far
/// @param resident whether that is resident memory as the system counts it. Where the system does not tell (anything
///     but Linux), it is the Java heap's and metaspace's peak: native memory, ONNX Runtime's included, is missing
public record PeakMemory(long bytes, boolean resident) {
    private static final Path STATUS = Path.of("/proc/self/status");

    /// What was used so far.
    public static PeakMemory now() {
        long resident = field("VmHWM:");
        if (resident >= 0) {
            return new PeakMemory(resident, true);
        }
        long peak = 0;
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            peak += pool.getPeakUsage() == null ? 0 : pool.getPeakUsage().getUsed();
        }
        return new PeakMemory(peak, false);
    }

    private static long field(String name) {
        if (!Files.isReadable(STATUS)) {
            return -1;
        }
        try {
            List<String> lines = Files.readAllLines(STATUS);
            for (String line : lines) {
                if (line.startsWith(name)) {
                    String number =
                            line.substring(name.length()).replace("kB", "").strip();
                    return Long.parseLong(number) * 1024;
                }
            }
        } catch (IOException | NumberFormatException e) {
            // A system that hides or changes this file is one that does not tell.
            return -1;
        }
        return -1;
    }
}
