package dev.nibble.graph;

import java.util.Optional;

/// The declaration of a value: a graph input, a graph output, or what is known of an intermediate value.
public record ValueInfo(String name, ValueType type, Carried carried) {
    public ValueInfo(String name, ValueType type) {
        this(name, type, Carried.NONE);
    }

    /// A tensor of known type and shape.
    public static ValueInfo of(String name, DataType type, Shape shape) {
        return new ValueInfo(name, ValueType.TensorType.of(type, shape));
    }

    /// The tensor type, if it is one.
    public Optional<ValueType.TensorType> tensorType() {
        return type instanceof ValueType.TensorType tensor ? Optional.of(tensor) : Optional.empty();
    }

    public ValueInfo withName(String other) {
        return new ValueInfo(other, type, carried);
    }

    public ValueInfo withType(ValueType other) {
        return new ValueInfo(name, other, carried);
    }
}
