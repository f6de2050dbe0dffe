package dev.nibble.npu.cost;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// The widths a layer computes with; weights first, as in W4A16.
public enum Precision {
    W8A8(8, 8, false),
    W4A8(4, 8, false),
    W8A16(8, 16, false),
    W4A16(4, 16, false),
    W16A16(16, 16, false),
    FP16(16, 16, true);

    private final int weightBits;
    private final int activationBits;
    private final boolean floating;

    Precision(int weightBits, int activationBits, boolean floating) {
        this.weightBits = weightBits;
        this.activationBits = activationBits;
        this.floating = floating;
    }

    public double weightBytes() {
        return weightBits / 8.0;
    }

    public double activationBytes() {
        return activationBits / 8.0;
    }

    public boolean floating() {
        return floating;
    }

    public int activationBits() {
        return activationBits;
    }

    public int weightBits() {
        return weightBits;
    }

    /// The matrix unit's rate at this precision.
    public Parameter matrixRate() {
        if (floating) {
            return Parameter.FLOAT16_TFLOPS;
        }
        return activationBits > 8 ? Parameter.INT16_TOPS : weightBits < 8 ? Parameter.INT4_TOPS : Parameter.INT8_TOPS;
    }

    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// The precision of these widths; no width means float.
    public static Precision of(int weightBits, int activationBits) {
        if (activationBits == 0 || activationBits > 16) {
            return FP16;
        }
        boolean wide = activationBits > 8;
        if (weightBits != 0 && weightBits <= 4) {
            return wide ? W4A16 : W4A8;
        }
        return wide ? weightBits > 8 ? W16A16 : W8A16 : W8A8;
    }

    /// The precision called `name`, as users and measurements call it (`w8a16`, `float`, `w8a8_mixed_int16`).
    ///
    /// @throws NibbleException where there is none
    public static Precision named(String name) {
        String word = name.strip().toLowerCase(Locale.ROOT).replaceFirst("_mixed.*", "");
        if (List.of("float", "fp16", "float16", "fp32", "float32").contains(word)) {
            return FP16;
        }
        for (Precision precision : values()) {
            if (precision.label().equals(word)) {
                return precision;
            }
        }
        List<String> known = Arrays.stream(values()).map(Precision::label).toList();
        throw new NibbleException(
                "there is no precision '" + name + "'",
                Nearest.didYouMean(word, known, "use one of " + String.join(", ", known)));
    }
}
