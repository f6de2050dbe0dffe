package dev.nibble.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// An amount of memory, as in `--max-memory 2g`. Units are binary: 1k = 1024 bytes.
///
/// @param bytes more than zero
public record ByteSize(long bytes) {
    private static final Pattern GRAMMAR = Pattern.compile("(\\d+(?:\\.\\d+)?)\\s*([kmgt]?)(?:i?b)?");

    public ByteSize {
        if (bytes <= 0) {
            throw new IllegalArgumentException("bytes must be positive, but was " + bytes);
        }
    }

    /// Reads `2g`, `800m`, `1.5GB`, `4GiB` or a plain number of bytes.
    ///
    /// @throws IllegalArgumentException for anything else, for zero, and for more than a `long` can hold
    public static ByteSize parse(String text) {
        Matcher matcher = GRAMMAR.matcher(text.strip().toLowerCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw new IllegalArgumentException("'" + text + "' is not a size such as 800m or 2g");
        }
        int exponent = matcher.group(2).isEmpty() ? 0 : "kmgt".indexOf(matcher.group(2)) + 1;
        double bytes = Double.parseDouble(matcher.group(1)) * Math.pow(1024, exponent);
        if (bytes < 1 || bytes >= Long.MAX_VALUE) {
            throw new IllegalArgumentException("'" + text + "' is not a possible amount of memory");
        }
        return new ByteSize((long) bytes);
    }

    /// For picocli.
    static final class Converter implements ITypeConverter<ByteSize> {
        @Override
        public ByteSize convert(String value) {
            try {
                return parse(value);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
