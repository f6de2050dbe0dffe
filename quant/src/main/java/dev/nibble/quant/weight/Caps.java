package dev.nibble.quant.weight;

/// What becomes of the caps of channels that are scaled: Clip (ReLU6) has one bound for all of them.
public enum Caps {
    /// Clip stays; channels that reach its cap keep their factor.
    KEPT,
    /// Each channel's cap is scaled with it, as Min with a constant behind Clip; every channel is free.
    EXACT,
    /// Relu in place of a Clip that hardly any value reaches; where more do, as [#KEPT].
    RELU
}
