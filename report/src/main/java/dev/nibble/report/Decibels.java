package dev.nibble.report;

/// Bounds of signal-to-quantization-noise ratios: `10·log10(Σx² / Σ(x−x̂)²)`.
public final class Decibels {
    /// Written for a tensor without any error, since JSON has no infinity; float32 ends near 150 dB.
    public static final double EXACT = 300;

    /// Below this the quantized model has collapsed: the noise carries a third of the signal's power.
    public static final double COLLAPSE = 5;

    private Decibels() {}
}
