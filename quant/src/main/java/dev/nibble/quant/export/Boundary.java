package dev.nibble.quant.export;

/// What a quantized file takes and gives.
public enum Boundary {
    /// Floats: the file quantizes its inputs and dequantizes its outputs.
    FLOAT,
    /// Integer codes, where an input or output is quantized.
    QUANTIZED
}
