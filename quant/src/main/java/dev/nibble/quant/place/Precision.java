package dev.nibble.quant.place;

import dev.nibble.quant.Symmetry;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/// The number formats that are wanted of a model.
///
/// @param weightBits 2, 4, 8 or 16
/// @param activationBits 4, 8 or 16; empty: activations stay in float
/// @param biasBits 32
/// @param weightSymmetry empty: as the target's rules say
/// @param activationSymmetry empty: as the target's rules say
/// @param activationOverrides widths of single values, by name
public record Precision(
        int weightBits,
        WeightGranularity granularity,
        OptionalInt activationBits,
        int biasBits,
        Optional<Symmetry> weightSymmetry,
        Optional<Symmetry> activationSymmetry,
        Map<String, Integer> activationOverrides) {
    public Precision {
        if (weightBits != 2 && weightBits != 4 && weightBits != 8 && weightBits != 16) {
            throw new IllegalArgumentException("weight bits must be 2, 4, 8 or 16, but were " + weightBits);
        }
        activationBits.ifPresent(Precision::activationWidth);
        if (biasBits != 32) {
            throw new IllegalArgumentException("bias bits must be 32, but were " + biasBits);
        }
        activationOverrides = Map.copyOf(activationOverrides);
        activationOverrides.values().forEach(Precision::activationWidth);
    }

    private static void activationWidth(int bits) {
        if (bits != 4 && bits != 8 && bits != 16) {
            throw new IllegalArgumentException("activation bits must be 4, 8 or 16, but were " + bits);
        }
    }

    /// Weights of `weightBits`, activations of `activationBits`, the rest as the target's rules say: `of(4,
    /// CHANNEL, 16)` is W4A16.
    public static Precision of(int weightBits, WeightGranularity granularity, int activationBits) {
        return new Precision(
                weightBits,
                granularity,
                OptionalInt.of(activationBits),
                32,
                Optional.empty(),
                Optional.empty(),
                Map.of());
    }

    /// Weights of `weightBits`; activations stay in float.
    public static Precision weightsOnly(int weightBits, WeightGranularity granularity) {
        return new Precision(
                weightBits, granularity, OptionalInt.empty(), 32, Optional.empty(), Optional.empty(), Map.of());
    }

    /// This with other widths for single values.
    public Precision withActivationOverrides(Map<String, Integer> overrides) {
        return new Precision(
                weightBits, granularity, activationBits, biasBits, weightSymmetry, activationSymmetry, overrides);
    }

    /// The version of ONNX's operators that these formats need at least; raise a model's opset to it before
    /// placement.
    public long requiredOpset() {
        boolean eight = weightBits == 8
                && activationBits.orElse(8) == 8
                && activationOverrides.values().stream().allMatch(b -> b == 8)
                && !(granularity instanceof WeightGranularity.PerBlock);
        return weightBits == 2 ? 25 : eight ? 13 : 21;
    }

    /// `W4A16`, `W8Afloat`.
    @Override
    public String toString() {
        return "W" + weightBits + "A" + (activationBits.isPresent() ? activationBits.getAsInt() : "float");
    }
}
