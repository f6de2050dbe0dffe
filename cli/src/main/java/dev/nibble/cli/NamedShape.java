package dev.nibble.cli;

import dev.nibble.graph.Shape;
import java.util.Arrays;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/// The shape given to one model input, as in `--shape image=1,3,224,224`.
///
/// @param name the input's name
/// @param shape its dimensions
public record NamedShape(String name, Shape shape) {

    /// Reads `NAME=1,3,224,224`. The name may hold `=`; no dimensions (`NAME=`) are a scalar.
    ///
    /// @throws IllegalArgumentException for anything else
    public static NamedShape parse(String text) {
        int equals = text.lastIndexOf('=');
        if (equals <= 0) {
            throw new IllegalArgumentException("'" + text + "' is not of the form NAME=1,3,224,224");
        }
        String dimensions = text.substring(equals + 1).strip();
        try {
            long[] sizes = dimensions.isEmpty()
                    ? new long[0]
                    : Arrays.stream(dimensions.split("[,x]", -1))
                            .mapToLong(size -> Long.parseLong(size.strip()))
                            .toArray();
            if (Arrays.stream(sizes).anyMatch(size -> size < 0)) {
                throw new IllegalArgumentException("'" + text + "' has a negative dimension");
            }
            return new NamedShape(text.substring(0, equals), Shape.of(sizes));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("'" + text + "' has a dimension that is not a whole number", e);
        }
    }

    /// For picocli.
    static final class Converter implements ITypeConverter<NamedShape> {
        @Override
        public NamedShape convert(String value) {
            try {
                return parse(value);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
