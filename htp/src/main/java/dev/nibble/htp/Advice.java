package dev.nibble.htp;

import java.util.Map;

/// What to do about a node that the HTP does not take.
public final class Advice {
    private static final Map<String, String> BY_OPERATOR = Map.ofEntries(
            Map.entry("Erf", "let simplify fuse the operators around it into Gelu"),
            Map.entry("Celu", "use Elu or Gelu"),
            Map.entry("GroupNormalization", "export it as Reshape and InstanceNormalization"),
            Map.entry("Loop", "unroll the loop, or run it outside the model"),
            Map.entry("Scan", "unroll the loop, or run it outside the model"),
            Map.entry("NonMaxSuppression", "cut the model before it and run it on the CPU"),
            Map.entry("NonZero", "cut the model before it: the size of its result depends on the data"),
            Map.entry("Mod", "use x - y * Floor(x / y)"),
            Map.entry("ReduceProd", "use Exp of ReduceSum of Log where the values are positive"),
            Map.entry("RNN", "use GRU or LSTM"),
            Map.entry("Shrink", "compose it of Abs, Sub, Relu and Sign"),
            Map.entry("MaxPool", "pool in two dimensions without dilation"));

    private Advice() {}

    /// Advice on an operator and the reason of its refusal; never empty.
    public static String of(String op, String reason) {
        if (reason.contains("at most 5 dimensions") || reason.contains("incorrect Rank")) {
            return "reshape to at most 5 dimensions around it: placement --apply does that to a Transpose between Reshapes";
        }
        if (reason.contains("at most 4 dimensions")) {
            return "reshape to at most 4 dimensions around it";
        }
        if (reason.contains("expected equal to -32768")) {
            return "make its 16-bit weight symmetric: nibble quantize does";
        }
        if (reason.contains("could not create op")) {
            return "look at the scales and types around that operator: a range without sense (a mask of -3.4e38) or a type"
                    + " pair that only validates; --weight-granularity and --act-bitwidth 8 tell which";
        }
        if (reason.contains("block")) {
            return "quantize its weight by channel (--weight-granularity channel; placement --apply does), or with"
                    + " --act-bitwidth 16";
        }
        if (reason.contains("one scale")) {
            return "quantize its weight with one scale (--weight-granularity tensor for this layer; placement --apply does that"
                    + " to normalizations)";
        }
        if (reason.contains("signed 16-bit") || reason.contains("signed 8-bit")) {
            return "use unsigned activations (--act-schema asymmetric)";
        }
        if (reason.contains("come with v73") || reason.contains("comes with v73")) {
            return "use 8-bit weights, or a target from v73 on (sm8550 and later)";
        }
        if (reason.contains("no float") || reason.contains("in integers only")) {
            return "quantize it, or choose a target from v73 on (sm8550 and later)";
        }
        String known = BY_OPERATOR.get(op);
        if (known != null) {
            return known;
        }
        return reason.contains("datatype")
                ? "give it other types: unsigned 8 or 16 bits for activations, signed 8 or 4 bits for weights"
                : "replace it by an equivalent operator, or cut the model there";
    }
}
