package dev.nibble.graph.shape;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;

/// The elements of a small tensor of whole numbers, as far as they are known without running the model: what
/// shapes are computed from. An element that is a named dimension keeps its name.
record IntValues(Shape shape, List<Dim> elements) {
    /// Larger tensors are not followed: shapes are short.
    static final int LIMIT = 1024;

    IntValues {
        elements = List.copyOf(elements);
    }

    static IntValues scalar(Dim element) {
        return new IntValues(Shape.SCALAR, List.of(element));
    }

    static IntValues vector(List<Dim> elements) {
        return new IntValues(Shape.of(elements.size()), elements);
    }

    /// The elements of a stored tensor; null where it is not small, not whole numbers, or has no data.
    static @Nullable IntValues of(Initializer stored) {
        boolean whole = stored.typeCode() == DataType.INT64.code()
                || stored.typeCode() == DataType.INT32.code()
                || stored.typeCode() == DataType.BOOL.code();
        if (!whole || stored.shape().elements() > LIMIT || !stored.hasData()) {
            return null;
        }
        try {
            Tensor tensor = stored.tensor();
            List<Dim> elements = new ArrayList<>();
            for (long element : tensor.toLongs()) {
                elements.add(new Dim.Known(element));
            }
            return new IntValues(tensor.shape(), elements);
        } catch (NibbleException e) {
            // ModelChecker reports a tensor whose length does not fit; here it is only not known.
            return null;
        }
    }

    int size() {
        return elements.size();
    }

    Dim get(int index) {
        return elements.get(index);
    }

    /// The elements as sizes; null where one is not known.
    long @Nullable [] known() {
        long[] sizes = new long[elements.size()];
        for (int i = 0; i < sizes.length; i++) {
            if (!(elements.get(i) instanceof Dim.Known(long size))) {
                return null;
            }
            sizes[i] = size;
        }
        return sizes;
    }

    /// The same elements under another shape of as many.
    IntValues reshaped(Shape other) {
        return new IntValues(other, elements);
    }

    /// A tensor of `other` shape whose element `i` is this one's `from(i)`.
    IntValues picked(Shape other, IntUnaryOperator from) {
        List<Dim> picked = new ArrayList<>();
        for (int i = 0; i < other.elements(); i++) {
            picked.add(elements.get(from.applyAsInt(i)));
        }
        return new IntValues(other, picked);
    }
}
