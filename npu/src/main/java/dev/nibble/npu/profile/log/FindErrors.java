package dev.nibble.npu.profile.log;

import dev.nibble.npu.profile.log.ErrorCodes.ErrorCode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Finds QNN's error numbers in lines: behind the words error, err, code, failed, in decimal or as `0xc26`, or by name.
final class FindErrors {
    private static final Pattern NUMBER =
            Pattern.compile("(?i)\\b(?:error|err|code|failed|status)\\b(?:\\s*(?:code|=>|[:=]|is|with|[(\\[]))*\\s*"
                    + "(0x[0-9a-f]{3,4}|\\d{4,5})\\b(?!\\.\\d)");
    private static final Pattern NAME = Pattern.compile("\\bQNN_[A-Z_]*ERROR_[A-Z_]+\\b");

    private final Map<Integer, LogEvidence.Error> found = new LinkedHashMap<>();

    void look(String line, long number) {
        Matcher numbers = NUMBER.matcher(line);
        while (numbers.find()) {
            count(Integer.decode(numbers.group(1).replaceFirst("^0+(?=\\d)", "")), number);
        }
        Matcher names = NAME.matcher(line);
        while (names.find()) {
            ErrorCodes.named(names.group()).ifPresent(e -> count(e.code(), number));
        }
    }

    List<LogEvidence.Error> found() {
        return List.copyOf(found.values());
    }

    private void count(int code, long line) {
        Optional<ErrorCode> known = ErrorCodes.of(code);
        Optional<String> component = ErrorCodes.component(code);
        if (known.isEmpty() && component.isEmpty()) {
            return;
        }
        LogEvidence.Error error = known.map(
                        k -> new LogEvidence.Error(code, k.name(), k.meaning(), k.advice(), 1, line))
                .orElseGet(() -> new LogEvidence.Error(
                        code,
                        "",
                        "of QNN's component " + component.orElse("?"),
                        "look it up in QNN's headers, and at the lines above it",
                        1,
                        line));
        found.merge(
                code,
                error,
                (a, b) -> new LogEvidence.Error(a.code(), a.name(), a.meaning(), a.advice(), a.times() + 1, a.line()));
    }
}
