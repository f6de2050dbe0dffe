package dev.nibble.graph;

import java.util.regex.Pattern;

/// What a parser of JSON, TOML or CSV complains about, in words for people: without its advice to programmers, and
/// without its notes on a source that it does not show.
public final class ParserMessage {
    /// `[Source: REDACTED (…); line: 3, column: 1]`, or one with a byte's offset in place of line and column.
    private static final Pattern SOURCE =
            Pattern.compile("(?:at )?\\[Source: .*?; (?:line: (\\d+), column: (\\d+)|byte offset: #(\\d+))\\]");

    /// A place without numbers.
    private static final Pattern REST =
            Pattern.compile("\\s*\\([^()]* at \\[Source: .*\\]\\)|\\s*(?:at )?\\[Source: .*\\]");

    private static final String ADVICE = ": enable `";

    private ParserMessage() {}

    /// The first line of `message` in plain words; empty for none.
    public static String plain(@org.jspecify.annotations.Nullable String message) {
        String first = message == null ? "" : message.lines().findFirst().orElse("");
        int advice = first.indexOf(ADVICE);
        String said = advice < 0 ? first : first.substring(0, advice);
        String located = SOURCE.matcher(said)
                .replaceAll(found -> found.group(1) == null
                        ? "at byte " + found.group(3)
                        : "at line %s, column %s".formatted(found.group(1), found.group(2)));
        return REST.matcher(located).replaceAll("").strip();
    }
}
