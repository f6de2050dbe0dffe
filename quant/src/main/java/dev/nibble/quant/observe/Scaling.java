package dev.nibble.quant.observe;

import dev.nibble.quant.Extremes;

/// A positive constant by which every value of a tensor is multiplied or divided. Rounding keeps the order of floats, so
/// the extremes of the scaled tensor are the scaled extremes, exactly.
///
/// @param constant positive and finite
public record Scaling(float constant, boolean divides) {
    public Scaling {
        if (!(constant > 0) || Float.isInfinite(constant)) {
            throw new IllegalArgumentException("the constant must be positive and finite, but was " + constant);
        }
    }

    float of(float value) {
        return divides ? value / constant : value * constant;
    }

    Extremes of(Extremes extremes) {
        return extremes.isEmpty() ? extremes : Extremes.of(of(extremes.min())).merge(Extremes.of(of(extremes.max())));
    }

    /// Scales the floats of which `bits` holds elements `[from, to)`, in place.
    void apply(int[] bits, int from, int to) {
        for (int i = from; i < to; i++) {
            bits[i] = Float.floatToRawIntBits(of(Float.intBitsToFloat(bits[i])));
        }
    }
}
