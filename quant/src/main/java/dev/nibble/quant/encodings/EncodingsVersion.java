package dev.nibble.quant.encodings;

import dev.nibble.graph.Nearest;
import dev.nibble.graph.NibbleException;
import java.util.Arrays;
import java.util.List;

/// A version of AIMET's encodings format that Nibble writes.
public enum EncodingsVersion {
    /// Dictionaries of lists; no blocks.
    V0_6_1("0.6.1"),
    /// Lists; what AIMET writes by default.
    V1_0_0("1.0.0"),
    /// One list, modelled on ONNX QuantizeLinear; biases too.
    V2_0_0("2.0.0"),
    /// As 2.0.0; the scales of LPBQ have a scale themselves.
    V2_1_0("2.1.0");

    private final String text;

    EncodingsVersion(String text) {
        this.text = text;
    }

    /// As files and options write it.
    public String text() {
        return text;
    }

    /// Whether one list holds all entries.
    boolean isOneList() {
        return this == V2_0_0 || this == V2_1_0;
    }

    /// @throws NibbleException where there is no such version
    public static EncodingsVersion of(String text) {
        List<String> all = Arrays.stream(values()).map(EncodingsVersion::text).toList();
        return Arrays.stream(values())
                .filter(v -> v.text.equals(text))
                .findFirst()
                .orElseThrow(() -> new NibbleException(
                        "there is no encodings version '" + text + "'",
                        Nearest.didYouMean(text, all, "use one of " + String.join(", ", all))));
    }
}
