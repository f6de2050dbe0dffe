package dev.nibble.pipeline;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// Command lines that are shown to be copied into a shell.
public final class Shell {
    private static final Pattern PLAIN = Pattern.compile("[\\p{L}\\p{N}_@%+=:,./~-]+");

    private Shell() {}

    /// `words` as one line.
    public static String line(List<String> words) {
        return words.stream().map(Shell::quoted).collect(Collectors.joining(" "));
    }

    /// `word` as it is, or in single quotes where a shell would take it apart.
    public static String quoted(String word) {
        return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
    }
}
