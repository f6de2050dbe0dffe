package dev.nibble.quant.place;

import dev.nibble.quant.Encoding;
import dev.nibble.quant.Symmetry;
import dev.nibble.quant.TensorEncoding;
import java.util.Optional;

/// What the user forces on one tensor, whatever rules and data say.
public sealed interface Forced {
    /// Codes of this width; their range is chosen as that of any other tensor.
    ///
    /// @param symmetry empty: as the target's rules say
    record Width(int bits, Optional<Symmetry> symmetry) implements Forced {}

    /// The encoding of a value. No later step changes it.
    record Range(Encoding encoding) implements Forced {}

    /// The encoding of a constant. No later step changes it; which codes weights get may still be decided.
    record Scales(TensorEncoding.Affine encoding) implements Forced {}

    /// No codes: the operator that makes or reads the tensor computes in float.
    ///
    /// @param bits 16 or 32
    record InFloat(int bits) implements Forced {}
}
