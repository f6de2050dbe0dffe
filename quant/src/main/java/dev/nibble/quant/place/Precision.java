package dev.nibble.quant.place;

import dev.nibble.quant.Symmetry;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/// The number formats that are wanted of a model.
///
/// @param weightBits 2, 4, 8 or 16
/// @param activationBits 4, 8 or 16; empty: activations stay in float
/// @param biasBits 32; empty: biases stay in float
/// @param weightSymmetry empty: as the target's rules say
/// @param activationSymmetry empty: as the target's rules say
/// @param overrides what is forced on single tensors
public record Precision(
        int weightBits,
        WeightGranularity granularity,
        OptionalInt activationBits,
        OptionalInt biasBits,
        Optional<Symmetry> weightSymmetry,
        Optional<Symmetry> activationSymmetry,
        Overrides overrides) {
    public Precision {
        if (weightBits != 2 && weightBits != 4 && weightBits != 8 && weightBits != 16) {
            throw new IllegalArgumentException("weight bits must be 2, 4, 8 or 16, but were " + weightBits);
        }
        activationBits.ifPresent(Precision::activationWidth);
        biasBits.ifPresent(bits -> {
            if (bits != 32) {
                throw new IllegalArgumentException("bias bits must be 32, but were " + bits);
            }
        });
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
                OptionalInt.of(32),
                Optional.empty(),
                Optional.empty(),
                Overrides.NONE);
    }

    /// Weights of `weightBits`; activations stay in float.
    public static Precision weightsOnly(int weightBits, WeightGranularity granularity) {
        return new Precision(
                weightBits,
                granularity,
                OptionalInt.empty(),
                OptionalInt.of(32),
                Optional.empty(),
                Optional.empty(),
                Overrides.NONE);
    }

    /// This with other widths for single values.
    public Precision withActivationOverrides(Map<String, Integer> widths) {
        widths.values().forEach(Precision::activationWidth);
        return with(Overrides.ofWidths(widths));
    }

    /// This with biases in float.
    public Precision withFloatBiases() {
        return new Precision(
                weightBits,
                granularity,
                activationBits,
                OptionalInt.empty(),
                weightSymmetry,
                activationSymmetry,
                overrides);
    }

    /// This with `forced` on single tensors.
    public Precision with(Overrides forced) {
        return new Precision(
                weightBits, granularity, activationBits, biasBits, weightSymmetry, activationSymmetry, forced);
    }

    /// The version of ONNX's operators that these formats need at least; raise a model's opset to it before
    /// placement.
    public long requiredOpset() {
        boolean eight = weightBits == 8
                && activationBits.orElse(8) == 8
                && overrides.tensors().values().stream()
                        .allMatch(f -> f instanceof Forced.Width(int b, var _) && b == 8)
                && !(granularity instanceof WeightGranularity.PerBlock);
        return weightBits == 2 ? 25 : eight ? 13 : 21;
    }

    /// `W4A16`, `W8Afloat`.
    @Override
    public String toString() {
        return "W" + weightBits + "A" + (activationBits.isPresent() ? activationBits.getAsInt() : "float");
    }
}
