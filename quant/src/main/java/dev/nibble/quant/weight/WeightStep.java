package dev.nibble.quant.weight;

/// A step of deciding weights, in the order in which they run.
public enum WeightStep {
    /// Least-squares weights for the quantized inputs are rounded instead of the given ones.
    RETARGET,
    /// Scales by the error at the output.
    SCALES,
    /// Column by column, each error carried over (GPTQ).
    FEEDBACK,
    /// Coordinate descent over the codes.
    DESCENT,
    /// Scales fitted to the codes.
    REFIT
}
