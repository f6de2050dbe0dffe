package dev.nibble.npu.profile.log;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// What the numbers in QNN's logs mean. Numbers are those of QNN's public headers; advice is from the cases that the
/// table's rows name.
public final class ErrorCodes {
    private static final Map<Integer, ErrorCode> KNOWN = read();

    private ErrorCodes() {}

    /// @param name the constant of QNN's headers
    /// @param meaning what it says
    /// @param advice what to do, which is not always what it says
    public record ErrorCode(int code, String name, String meaning, String advice) {}

    public static Optional<ErrorCode> of(int code) {
        return Optional.ofNullable(KNOWN.get(code));
    }

    static Optional<ErrorCode> named(String name) {
        return KNOWN.values().stream().filter(e -> e.name().equals(name)).findFirst();
    }

    /// The part of QNN that a number without a row belongs to; empty where it belongs to none.
    static Optional<String> component(int code) {
        return switch (code / 1000) {
            case 1 -> Optional.of("common");
            case 2 -> Optional.of("property");
            case 3 -> Optional.of("op package");
            case 4 -> Optional.of("backend");
            case 5 -> Optional.of("context");
            case 6 -> Optional.of("graph");
            case 7 -> Optional.of("tensor");
            case 8 -> Optional.of("log or memory");
            case 14 -> Optional.of("device");
            default -> Optional.empty();
        };
    }

    private static Map<Integer, ErrorCode> read() {
        Map<Integer, ErrorCode> codes = new LinkedHashMap<>();
        try (InputStream in = ErrorCodes.class.getResourceAsStream("errors.txt")) {
            if (in == null) {
                throw new IllegalStateException("errors.txt is missing");
            }
            for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).split("\n")) {
                if (!line.isBlank() && !line.startsWith("#")) {
                    String[] cells = line.split("\\|", -1);
                    int code = Integer.parseInt(cells[0].strip());
                    codes.put(code, new ErrorCode(code, cells[1].strip(), cells[2].strip(), cells[3].strip()));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return codes;
    }
}
