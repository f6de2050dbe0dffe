package dev.nibble.run.soak;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/// What a process holds; −1 where the system does not tell, which only Linux does.
///
/// @param residentBytes memory, heap and native together
/// @param descriptors open files, sockets and the like
/// @param threads Java's and native ones
public record ProcessState(long residentBytes, long descriptors, long threads) {
    /// Of this process.
    public static ProcessState now() {
        return of(Path.of("/proc/self"));
    }

    /// Of the process with number `pid`; −1 where it is gone.
    public static ProcessState of(long pid) {
        return of(Path.of("/proc", Long.toString(pid)));
    }

    private static ProcessState of(Path process) {
        Path status = process.resolve("status");
        Path descriptors = process.resolve("fd");
        long resident = -1;
        long threads = -1;
        long open = -1;
        try {
            if (Files.isReadable(status)) {
                for (String line : Files.readAllLines(status)) {
                    if (line.startsWith("VmRSS:")) {
                        resident = 1024 * number(line);
                    } else if (line.startsWith("Threads:")) {
                        threads = number(line);
                    }
                }
            }
            if (Files.isDirectory(descriptors)) {
                try (Stream<Path> all = Files.list(descriptors)) {
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
