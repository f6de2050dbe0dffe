package dev.nibble.npu;

import dev.nibble.npu.cost.Precision;
import dev.nibble.npu.work.Flow;
import dev.nibble.npu.work.Layer;
import java.util.Map;

/// Which precision each layer has: from the quantizers in the model, from an encodings file, or one for all.
///
/// @param otherwise for what nothing is said about
/// @param bits by tensor, from encodings; 0 is float
/// @param overriding whether `otherwise` counts even where the model has quantizers
public record LayerPrecisions(Precision otherwise, Map<String, Integer> bits, boolean overriding) {
    public LayerPrecisions {
        bits = Map.copyOf(bits);
    }

    public LayerPrecisions(Precision otherwise, Map<String, Integer> bits) {
        this(otherwise, bits, false);
    }

    public static LayerPrecisions all(Precision precision) {
        return new LayerPrecisions(precision, Map.of());
    }

    /// `precision` for every layer, whatever quantizers the model has.
    public static LayerPrecisions uniform(Precision precision) {
        return new LayerPrecisions(precision, Map.of(), true);
    }

    /// Whether `flow` was read from a model with quantizers.
    public static boolean isQuantized(Flow flow) {
        return flow.values().values().stream().anyMatch(v -> v.bits() > 0 && !v.constant());
    }

    public Precision of(Flow flow, Layer layer) {
        if (overriding) {
            return otherwise;
        }
        int activation = -1;
        for (String output : layer.outputs()) {
            activation = Math.max(activation, bits(flow, output));
        }
        for (String input : flow.activations(layer)) {
            activation = Math.max(activation, bits(flow, input));
        }
        if (activation < 0) {
            return otherwise;
        }
        int weight = -1;
        for (String constant : flow.constants(layer)) {
            if (flow.value(constant).elements() > 1 && weight < 0) {
                weight = bits(flow, constant);
            }
        }
        return Precision.of(weight < 0 ? 8 : weight, activation);
    }

    private int bits(Flow flow, String value) {
        Integer given = bits.get(value);
        if (given != null) {
            return given;
        }
        int stored = flow.value(value).bits();
        return stored > 0 ? stored : -1;
    }
}
