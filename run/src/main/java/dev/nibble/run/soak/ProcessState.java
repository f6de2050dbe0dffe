package dev.nibble.run.soak;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/// What this process holds; −1 where the system does not tell, which only Linux does.
///
/// @param residentBytes memory, heap and native together
/// @param descriptors open files, sockets and the like
/// @param threads Java's and native ones
public record ProcessState(long residentBytes, long descriptors, long threads) {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");

    public static ProcessState now() {
        long resident = -1;
        long threads = -1;
        long open = -1;
        try {
            if (Files.isReadable(STATUS)) {
                for (String line : Files.readAllLines(STATUS)) {
                    if (line.startsWith("VmRSS:")) {
                        resident = 1024 * number(line);
                    } else if (line.startsWith("Threads:")) {
                        threads = number(line);
                    }
                }
            }
            if (Files.isDirectory(DESCRIPTORS)) {
                try (Stream<Path> all = Files.list(DESCRIPTORS)) {
                    open = all.count();
                }
            }
        } catch (IOException | NumberFormatException e) {
            return new ProcessState(-1, -1, -1); // hidden from this process
        }
        return new ProcessState(resident, open, threads);
    }

    private static long number(String line) {
        return Long.parseLong(
                line.substring(line.indexOf(':') + 1).replace("kB", "").strip());
    }
}
