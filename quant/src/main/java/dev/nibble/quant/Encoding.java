package dev.nibble.quant;

/// One affine mapping between real numbers and integer codes, as ONNX QuantizeLinear defines it.
///
/// `q = clamp(round(x / scale) + zeroPoint, qMin, qMax)`, rounding half to even; `x̂ = (q − zeroPoint) · scale`.
/// Zero is a code, exactly. AIMET's and QNN's `offset` is −zeroPoint on the unsigned grid.
///
/// The methods here are the specification of the arithmetic; [Kernels] do the same to many values at once.
///
/// @param scale the step: positive, finite and normal
/// @param zeroPoint the code of 0, on the grid
public record Encoding(float scale, int zeroPoint, IntegerGrid grid) {
    /// The smallest scale that [#ofRange] gives: 2⁻⁶³, so that the product of two scales, which is the scale of a
    /// bias, is still a normal float. (AIMET instead stops at a scale of 2⁻²³, earlier at a range of 0.01, which
    /// throws away channels that are small but not zero.)
    public static final float MINIMUM_SCALE = 0x1p-63f;

    public Encoding {
        if (!(scale >= Float.MIN_NORMAL && Float.isFinite(scale))) {
            throw new IllegalArgumentException("scale must be positive, normal and finite, but was " + scale);
        }
        if (zeroPoint < grid.qMin() || zeroPoint > grid.qMax()) {
            throw new IllegalArgumentException(
                    "zero point must be on the grid %s, but was %d".formatted(grid, zeroPoint));
        }
    }

    /// The encoding of the range `min…max` by AIMET's formulas, computed in double precision.
    ///
    /// - Asymmetric: the range is stretched to contain zero; `scale = (max − min) / (2ᵇ − 1)`,
    ///   `zeroPoint = round(−min / scale)`.
    /// - Symmetric and strict: `scale = max(|min|, |max|) / (2ᵇ⁻¹ − 1)`, zero point 0.
    /// - Unsigned symmetric: `scale = max / (2ᵇ − 1)`, zero point 0 where `min ≥ 0`, otherwise symmetric.
    ///
    /// A range that is only the point 0 (an all-zero channel) is taken as −1…1, as AIMET does. A scale below
    /// [#MINIMUM_SCALE] is raised to it.
    ///
    /// @throws IllegalArgumentException where a bound is not finite or they are in the wrong order
    public static Encoding ofRange(double min, double max, int bits, Symmetry symmetry) {
        if (!(min <= max && Double.isFinite(max - min))) {
            throw new IllegalArgumentException(
                    "a range must be finite and in order, but was %s…%s".formatted(min, max));
        }
        double lo = Math.min(min, 0);
        double hi = Math.max(max, 0);
        if (lo == hi) {
            hi = 1;
            lo = symmetry == Symmetry.UNSIGNED_SYMMETRIC ? 0 : -1;
        }
        IntegerGrid grid = new Scheme.Integer(bits, symmetry, Granularity.PER_TENSOR).grid(lo >= 0);
        return switch (symmetry) {
            case ASYMMETRIC -> {
                float scale = scaleOf((hi - lo) / grid.steps());
                long zeroPoint = Math.min(Math.max((long) Math.rint(-lo / scale), 0), grid.qMax());
                yield new Encoding(finite(scale, Math.max(zeroPoint, grid.qMax() - zeroPoint)), (int) zeroPoint, grid);
            }
            case SYMMETRIC, STRICT_SYMMETRIC, UNSIGNED_SYMMETRIC -> {
                float scale = scaleOf(Math.max(hi, -lo) / grid.qMax());
                yield new Encoding(finite(scale, grid.qMax()), 0, grid);
            }
        };
    }

    private static float scaleOf(double step) {
        return (float) Math.max(step, MINIMUM_SCALE);
    }

    /// `scale`, or the largest below it at which `steps` steps do not overflow a float, so that what is left of a
    /// finite value is finite.
    private static float finite(float scale, long steps) {
        float fitting = scale;
        if (Float.isInfinite(steps * scale)) {
            fitting = Float.MAX_VALUE / steps;
            while (Float.isInfinite(steps * fitting)) {
                fitting = Math.nextDown(fitting);
            }
        }
        return fitting;
    }

    /// The code of `x`. NaN has none: check data before.
    ///
    /// Up to 16 bits the quotient is rounded to float first, as ONNX Runtime does; at 32 bits (bias) it is a
    /// double.
    public int quantize(float x) {
        return code(x, scale, zeroPoint, grid);
    }

    static int code(float x, float scale, int zeroPoint, IntegerGrid grid) {
        double quotient = grid.bits() == 32 ? (double) x / scale : x / scale;
        double code = Math.rint(quotient) + zeroPoint;
        return (int) Math.min(Math.max(code, grid.qMin()), grid.qMax());
    }

    /// The real number that `code` stands for.
    public float dequantize(int code) {
        return ((long) code - zeroPoint) * scale;
    }

    /// What is left of `x` after quantizing it.
    public float fakeQuantize(float x) {
        return dequantize(quantize(x));
    }

    /// The smallest real number on the grid.
    public double min() {
        return ((double) grid.qMin() - zeroPoint) * scale;
    }

    /// The largest real number on the grid.
    public double max() {
        return ((double) grid.qMax() - zeroPoint) * scale;
    }

    /// The same mapping with codes of the other signedness: every code and the zero point move by 2ᵇ⁻¹.
    ///
    /// @throws IllegalArgumentException at 32 bits
    public Encoding flippedSign() {
        int shift = 1 << (grid.bits() - 1);
        return new Encoding(
                scale,
                grid.signed() ? zeroPoint + shift : zeroPoint - shift,
                new IntegerGrid(grid.bits(), !grid.signed(), false));
    }
}
