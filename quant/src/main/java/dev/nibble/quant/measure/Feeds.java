package dev.nibble.quant.measure;

import dev.nibble.graph.DataType;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;

/// Inputs of models that were cut.
final class Feeds {
    private Feeds() {}

    /// A float input of any shape.
    static ValueInfo floatInput(String name) {
        return new ValueInfo(name, new ValueType.TensorType(DataType.FLOAT.code(), null, null));
    }
}
