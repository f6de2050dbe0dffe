package dev.nibble.npu.profile;

import java.util.Locale;
import java.util.Map;

/// What to do about a node that did not go to the accelerator.
public final class Advice {
    private static final Map<String, String> BY_OPERATOR = Map.ofEntries(
            Map.entry("Hardmax", "replace it by ArgMax and OneHot, or take it out of the model: it needs no training"),
            Map.entry("Erf", "nibble simplify fuses the Erf of a Gelu into one Gelu node, which the HTP takes"),
            Map.entry("NonMaxSuppression", "end the model before it and run it in the application"),
            Map.entry("NonZero", "its output's size depends on values: end the model before it, or use a mask"),
            Map.entry("Loop", "unroll it when exporting, or run the loop in the application"),
            Map.entry("Scan", "unroll it when exporting, or run the loop in the application"),
            Map.entry("RNN", "export it as GRU or LSTM, or unrolled"),
            Map.entry("ReduceProd", "write it as Exp(ReduceSum(Log(x))) where x is positive, or as Mul"),
            Map.entry("Celu", "write it as Elu, where alpha is 1"),
            Map.entry("Shrink", "write it with Where and Sub"),
            Map.entry("GroupNormalization", "export it as Reshape, InstanceNormalization, Reshape, Mul, Add"),
            Map.entry("Mod", "fmod = 0 on integers, or x − y · Floor(x / y)"),
            Map.entry("Einsum", "export it as MatMul and Transpose"));

    private Advice() {}

    /// @param op an ONNX operator; may be empty
    /// @param reason as a tool gives it; may be empty
    public static String of(String op, String reason) {
        String lower = reason.toLowerCase(Locale.ROOT);
        if (lower.contains("rank 6") || lower.contains("incorrect rank")) {
            return "reshape to at most 5 dimensions around it (LayerNormalization: 4)";
        }
        if (lower.contains("fp16")) {
            return "quantize the layer: this chip has no FP16";
        }
        if (lower.contains("non-qdq")) {
            return "put quantizers around it: nibble quantize does";
        }
        if (lower.contains("dynamic shape")) {
            return "fix the shapes: --shape NAME=1,3,224,224";
        }
        if (lower.contains("datatype")) {
            return "use one of the combinations that the log lists; unsigned 8- and 16-bit activations fit most";
        }
        if (lower.contains("bias")) {
            return "quantize the weight per channel, or take the bias out";
        }
        String known = BY_OPERATOR.get(op);
        if (known != null) {
            return known;
        }
        if (lower.contains("not supported by qnn")) {
            return "express it by operators that the HTP takes, or move it to the model's edge, where it costs no"
                    + " partition";
        }
        return "see its reason with nibble profile --log on a verbose log; at the model's edge it would cost no"
                + " partition";
    }
}
