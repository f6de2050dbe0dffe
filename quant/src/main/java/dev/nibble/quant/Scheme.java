package dev.nibble.quant;

/// What is wanted of a tensor's quantization, before its data has been seen; what was chosen is a [TensorEncoding].
public sealed interface Scheme {
    /// Integer codes.
    ///
    /// @param bits 2, 4, 8, 16 or 32
    record Integer(int bits, Symmetry symmetry, Granularity granularity) implements Scheme {
        public Integer {
            var _ = grid(bits, symmetry, false);
        }

        /// The same at another granularity.
        public Integer with(Granularity other) {
            return new Integer(bits, symmetry, other);
        }

        /// The same at another width.
        public Integer withBits(int other) {
            return new Integer(other, symmetry, granularity);
        }

        /// The codes that data takes.
        ///
        /// @param nonNegative whether no value is below zero
        public IntegerGrid grid(boolean nonNegative) {
            return grid(bits, symmetry, nonNegative);
        }

        private static IntegerGrid grid(int bits, Symmetry symmetry, boolean nonNegative) {
            return switch (symmetry) {
                case ASYMMETRIC -> new IntegerGrid(bits, false, false);
                case SYMMETRIC -> new IntegerGrid(bits, true, false);
                case STRICT_SYMMETRIC -> new IntegerGrid(bits, true, true);
                case UNSIGNED_SYMMETRIC -> new IntegerGrid(bits, !nonNegative, false);
            };
        }
    }

    /// IEEE half precision: no scale, nothing to calibrate.
    record Float16() implements Scheme {}

    /// Unsigned asymmetric codes per tensor: activations.
    static Scheme.Integer activations(int bits) {
        return new Scheme.Integer(bits, Symmetry.ASYMMETRIC, Granularity.PER_TENSOR);
    }

    /// Signed strict symmetric codes: weights on the HTP.
    static Scheme.Integer weights(int bits, Granularity granularity) {
        return new Scheme.Integer(bits, Symmetry.STRICT_SYMMETRIC, granularity);
    }
}
