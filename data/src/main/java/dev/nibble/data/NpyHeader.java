package dev.nibble.data;

import dev.nibble.graph.DataType;
import dev.nibble.graph.NibbleException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The Python dictionary at the head of a `.npy` file:
/// `{'descr': '<f4', 'fortran_order': False, 'shape': (8, 3), }`.
record NpyHeader(String descr, boolean fortranOrder, long[] shape) {
    private static final int MOST_AXES = 32;

    /// @throws NibbleException where the text is not such a dictionary
    static NpyHeader parse(String text, String where) {
        return new Parser(text, where).header();
    }

    boolean bigEndian() {
        return descr.charAt(0) == '>';
    }

    /// @throws NibbleException for text, objects, structures, complex numbers and other types without an ONNX twin
    DataType type(String where) {
        return switch (descr.substring(1)) {
            case "b1" -> DataType.BOOL;
            case "u1" -> DataType.UINT8;
            case "i1" -> DataType.INT8;
            case "u2" -> DataType.UINT16;
            case "i2" -> DataType.INT16;
            case "u4" -> DataType.UINT32;
            case "i4" -> DataType.INT32;
            case "u8" -> DataType.UINT64;
            case "i8" -> DataType.INT64;
            case "f2" -> DataType.FLOAT16;
            case "f4" -> DataType.FLOAT;
            case "f8" -> DataType.DOUBLE;
            default ->
                throw new NibbleException(
                        "%s holds elements of type '%s', which are not numbers Nibble reads".formatted(where, descr),
                        "convert the array, for example with .astype('float32')");
        };
    }

    private static final class Parser {
        private final String text;
        private final String where;
        private int at;

        Parser(String text, String where) {
            this.text = text;
            this.where = where;
        }

        NpyHeader header() {
            @Nullable String descr = null;
            @Nullable Boolean fortran = null;
            long @Nullable [] shape = null;
            expect('{');
            while (!accept('}')) {
                String key = string();
                expect(':');
                switch (key) {
                    case "descr" -> descr = string();
                    case "fortran_order" -> fortran = bool();
                    case "shape" -> shape = tuple();
                    default -> throw broken("it has an unknown key '" + key + "'");
                }
                if (!accept(',')) {
                    expect('}');
                    break;
                }
            }
            if (descr == null || fortran == null || shape == null) {
                throw broken("descr, fortran_order or shape is missing");
            }
            if (descr.length() < 2 || "<>|=".indexOf(descr.charAt(0)) < 0) {
                throw broken("type '" + descr + "' is unknown");
            }
            return new NpyHeader(descr, fortran, shape);
        }

        private String string() {
            skipSpace();
            if (at < text.length() && (text.charAt(at) == '[' || text.charAt(at) == '(')) {
                throw new NibbleException(
                        where + " holds structured elements", "store each field as an array of its own in a .npz");
            }
            char quote = at < text.length() ? text.charAt(at) : ' ';
            int end = quote == '\'' || quote == '"' ? text.indexOf(quote, at + 1) : -1;
            if (end < 0) {
                throw broken("a quoted word is missing at " + at);
            }
            String value = text.substring(at + 1, end);
            at = end + 1;
            return value;
        }

        private boolean bool() {
            skipSpace();
            for (boolean value : new boolean[] {true, false}) {
                String word = value ? "True" : "False";
                if (text.startsWith(word, at)) {
                    at += word.length();
                    return value;
                }
            }
            throw broken("fortran_order is neither True nor False");
        }

        private long[] tuple() {
            List<Long> dims = new ArrayList<>();
            expect('(');
            while (!accept(')')) {
                skipSpace();
                int start = at;
                while (at < text.length() && Character.isDigit(text.charAt(at))) {
                    at++;
                }
                try {
                    dims.add(Long.parseLong(text, start, at, 10));
                } catch (NumberFormatException e) {
                    throw broken("a dimension is no whole number");
                }
                if (dims.size() > MOST_AXES) {
                    throw broken("it has more than " + MOST_AXES + " dimensions");
                }
                accept('L');
                if (!accept(',')) {
                    expect(')');
                    break;
                }
            }
            return dims.stream().mapToLong(Long::longValue).toArray();
        }

        private void expect(char wanted) {
            if (!accept(wanted)) {
                throw broken("'" + wanted + "' is missing at " + at);
            }
        }

        private boolean accept(char wanted) {
            skipSpace();
            if (at < text.length() && text.charAt(at) == wanted) {
                at++;
                return true;
            }
            return false;
        }

        private void skipSpace() {
            while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
                at++;
            }
        }

        private NibbleException broken(String what) {
            return NpyArray.damaged(where, "in its header, " + what);
        }
    }
}
