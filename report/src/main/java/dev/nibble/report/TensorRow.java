package dev.nibble.report;

import com.fasterxml.jackson.annotation.JsonValue;
import org.jspecify.annotations.Nullable;

/// A quantized tensor.
///
/// @param name in the float twin
/// @param op operator that makes it (activations) or uses it (weights, biases)
/// @param bits 2, 4, 8, 16 or 32
/// @param type as stored: `uint8`, `int8`, `float16`, …
/// @param granularity `tensor`, `channel(AXIS)` or `block(AXIS, SIZE)`
/// @param scale per channel or block: the largest of them; all are in `model.encodings`. Absent for float types
/// @param zeroPoint of that scale
/// @param scales how many scales there are; 1 per tensor
/// @param min smallest value that can be represented; per channel of the widest channel
/// @param max largest value that can be represented; per channel of the widest channel
/// @param calibrator what chose the range: `min-max`, `percentile`, `mse`, `sqnr`, `entropy`, `fixed`, `derived`, …
/// @param sqnrDb of this tensor alone under its own encoding
public record TensorRow(
        String name,
        Kind kind,
        int bits,
        @Nullable Double scale,
        @Nullable Long zeroPoint,
        @Nullable Double min,
        @Nullable Double max,
        @Nullable String calibrator,
        @Nullable Double sqnrDb,
        @Nullable String op,
        @Nullable String type,
        @Nullable String granularity,
        long scales) {
    public TensorRow {
        Values.present("tensors[].name", name);
        Values.present("tensors[].kind", kind);
        scale = Values.finite(scale);
        min = Values.finite(min);
        max = Values.finite(max);
        sqnrDb = Values.decibels(sqnrDb);
        Values.nonNegative("tensors[].scales", scales);
    }

    /// What a tensor is to the model; lower case in JSON.
    public enum Kind {
        INPUT,
        ACTIVATION,
        OUTPUT,
        WEIGHT,
        BIAS;

        @JsonValue
        public String label() {
            return switch (this) {
                case INPUT -> "input";
                case ACTIVATION -> "activation";
                case OUTPUT -> "output";
                case WEIGHT -> "weight";
                case BIAS -> "bias";
            };
        }
    }
}
