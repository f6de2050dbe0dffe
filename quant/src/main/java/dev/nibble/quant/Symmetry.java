package dev.nibble.quant;

/// Where zero lies on the grid (AIMET's and QNN's schemas).
public enum Symmetry {
    /// Unsigned codes, zero point anywhere: the range is the data's, stretched to contain zero.
    ASYMMETRIC,
    /// Signed codes, zero point 0: −128…127 for 8 bits, with the scale that puts the largest magnitude at 127.
    SYMMETRIC,
    /// As [#SYMMETRIC] without the smallest code: −127…127. What the HTP wants of weights.
    STRICT_SYMMETRIC,
    /// Zero point 0; unsigned codes (0…255) where no value is negative, otherwise as [#SYMMETRIC].
    UNSIGNED_SYMMETRIC
}
