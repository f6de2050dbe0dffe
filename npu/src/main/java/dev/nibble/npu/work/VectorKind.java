package dev.nibble.npu.work;

/// What the vector units do, by how fast they do it.
public enum VectorKind {
    /// Arithmetic on two values, and clipping.
    ELEMENTWISE,
    /// Functions that are looked up or approximated: sigmoid, SiLU, GELU, exponentials.
    FUNCTION,
    /// Normalization, softmax and reductions: the data are read more than once.
    NORMALIZATION,
    /// Data moved without arithmetic: transposition, concatenation, slicing.
    MOVEMENT,
    /// Windows that slide: counted in window positions.
    POOLING,
    /// Interpolation.
    RESIZE,
    /// The place of an extreme value, sorting.
    SELECTION,
    /// Convolutions of one channel each: counted in products.
    DEPTHWISE
}
