package dev.nibble.quant.weight;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Shape;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What is known of the axes of a graph's values, of which some may be open.
record Axes(Graph graph) {
    private @Nullable List<Dim> dims(String value) {
        Shape stored = graph.shape(value).orElse(null);
        if (stored != null) {
            return Arrays.stream(stored.dims()).<Dim>mapToObj(Dim.Known::new).toList();
        }
        return graph.valueInfo(value)
                .flatMap(ValueInfo::tensorType)
                .map(ValueType.TensorType::dims)
                .orElse(null);
    }

    /// How many axes `value` has; −1 where that is not known.
    int rank(String value) {
        List<Dim> dims = dims(value);
        return dims == null ? -1 : dims.size();
    }

    /// The size of an axis; −1 where it is not known.
    long size(String value, int axis) {
        List<Dim> dims = dims(value);
        return dims != null && axis >= 0 && axis < dims.size() && dims.get(axis) instanceof Dim.Known(long size)
                ? size
                : -1;
    }

    /// The size of axis 1 of a matrix, though its other axis may be open; −1 where it is not known.
    long width(String value) {
        return rank(value) == 2 ? size(value, 1) : -1;
    }

    /// Whether `value` is a constant of `width` floats along the last axis alone, read by one operator.
    boolean isVector(String value, long width) {
        return graph.initializer(value)
                .filter(Initializer::hasData)
                .filter(constant -> constant.typeCode() == DataType.FLOAT.code())
                .map(Initializer::shape)
                .filter(shape -> shape.rank() >= 1 && shape.dim(-1) == width && shape.elements() == width)
                .filter(shape -> width > 1 && graph.consumers(value).size() == 1 && !graph.isOutput(value))
                .isPresent();
    }
}
