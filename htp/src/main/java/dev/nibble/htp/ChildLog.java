package dev.nibble.htp;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/// What a child process and the libraries in it wrote to their standard output and standard error.
final class ChildLog {
    static final String OUT = "stdout";
    static final String ERR = "stderr";

    /// Written by the JVM where native code crashes.
    static final String CRASH = "crash.log";

    /// Lines of the child's own that a message quotes.
    private static final int QUOTED = 3;

    /// A line's time, level and place in the libraries' sources, and colours.
    private static final Pattern DECORATION =
            Pattern.compile("\u001b\\[[0-9;]*m|^\\S+ \\S+ \\[[A-Z]:onnxruntime:[^\\]]*\\]\\s*|<[A-Z]>\\s*");

    private static final Pattern COLOUR = Pattern.compile("\u001b\\[[0-9;]*m");

    private final Path folder;

    ChildLog(Path folder) {
        this.folder = folder;
    }

    /// Both, without colours.
    List<String> lines() {
        List<String> lines = new ArrayList<>();
        for (String name : List.of(ERR, OUT)) {
            try {
                // The libraries write what they like; every byte is some character here.
                Files.readString(folder.resolve(name), StandardCharsets.ISO_8859_1)
                        .lines()
                        .map(line -> COLOUR.matcher(line).replaceAll(""))
                        .forEach(lines::add);
            } catch (IOException e) {
                lines.add("the log '%s' cannot be read: %s".formatted(name, e.getMessage()));
            }
        }
        return lines;
    }

    /// What was logged as errors, without times and places in sources, each once.
    List<String> errors() {
        return lines().stream()
                .filter(line -> line.contains("[E:") || line.contains("[ ERROR ]") || line.contains(" <E> "))
                .map(ChildLog::plain)
                .filter(line -> !line.isBlank())
                .distinct()
                .toList();
    }

    static String plain(String line) {
        return DECORATION.matcher(line).replaceAll("").strip();
    }

    /// What the JVM says of a crash, else the end of what was written to standard error.
    String lastWords() {
        try {
            Path crash = folder.resolve(CRASH);
            if (Files.exists(crash)) {
                List<String> lines = Files.readString(crash, StandardCharsets.ISO_8859_1)
                        .lines()
                        .filter(line -> line.startsWith("#  SIG") || line.startsWith("# C  "))
                        .map(line -> line.substring(1).strip())
                        .toList();
                return String.join(" in ", lines);
            }
            List<String> lines = Files.readString(folder.resolve(ERR), StandardCharsets.ISO_8859_1)
                    .lines()
                    .map(ChildLog::plain)
                    .filter(line -> !line.isBlank())
                    .toList();
            return String.join(" / ", lines.subList(Math.max(0, lines.size() - QUOTED), lines.size()));
        } catch (IOException e) {
            return "";
        }
    }
}
