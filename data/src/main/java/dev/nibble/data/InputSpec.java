package dev.nibble.data;

import dev.nibble.graph.DataType;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Collectors;

/// An input of a model, to which samples are fitted.
///
/// @param dims the dimensions, batch first; −1 where the model leaves one open
/// @param rows of the shortest table that the model looks its values up in; 0 where there is none. A value may be −rows to
///     rows − 1, as ONNX's Gather takes it
public record InputSpec(String name, DataType type, long[] dims, long rows) {
    public InputSpec {
        if (rows < 0) {
            throw new IllegalArgumentException("rows must be at least 0, but were " + rows);
        }
        dims = dims.clone();
        for (long dim : dims) {
            if (dim < -1) {
                throw new IllegalArgumentException("dimensions must be at least -1, but were " + Arrays.toString(dims));
            }
        }
    }

    /// An input whose values are looked up nowhere.
    public InputSpec(String name, DataType type, long[] dims) {
        this(name, type, dims, 0);
    }

    @Override
    public long[] dims() {
        return dims.clone();
    }

    /// `N×3×224×224`: an open dimension is written `?`, an open first one `N`.
    public String shapeText() {
        return text(dims, true);
    }

    static String text(long[] dims, boolean batchFirst) {
        if (dims.length == 0) {
            return "scalar";
        }
        String text = Arrays.stream(dims)
                .mapToObj(d -> d < 0 ? "?" : Long.toString(d))
                .collect(Collectors.joining("×"));
        return batchFirst && text.startsWith("?") ? "N" + text.substring(1) : text;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof InputSpec that
                && name.equals(that.name)
                && type == that.type
                && rows == that.rows
                && Arrays.equals(dims, that.dims);
    }

    @Override
    public int hashCode() {
        return Objects.hash(name, type, rows, Arrays.hashCode(dims));
    }

    @Override
    public String toString() {
        return name + ": " + type.onnxName() + " " + shapeText();
    }
}
