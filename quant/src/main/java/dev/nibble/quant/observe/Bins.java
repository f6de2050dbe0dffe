package dev.nibble.quant.observe;

/// Where a float goes: its bin is its own leading bits, sign, exponent and ten bits of mantissa.
///
/// The 1024 bins of one sign and exponent are a page. A bin is at most 2⁻¹⁰ of its values wide.
final class Bins {
    /// Bits of a float that the bin does not keep.
    static final int DROPPED = 13;

    /// Bins of one sign and exponent.
    static final int PAGE = 1 << (23 - DROPPED);

    /// Pages that there can be: two signs, 256 exponents.
    static final int PAGES = 512;

    /// Number of the page with the negative values of exponent 0.
    static final int NEGATIVE = 256;

    private Bins() {}

    /// The smallest (biased) exponent that has a page of its own, given the largest exponent seen; all values below
    /// share one count for each sign.
    ///
    /// That is 2⁻⁴⁰ of the largest value, which at 16 bits is far below half a step of any sensible range, but
    /// never above 2⁻²⁴: a mask of −1e9 or −3.4e38 must not blur the values that matter. It grows with the largest
    /// exponent only, so what is shared does not depend on the order in which values came.
    static int firstOwn(int largestExponent) {
        return Math.max(0, Math.min(largestExponent - 40, 127 - 24));
    }

    /// The biased exponent of a float.
    static int exponent(float value) {
        return Float.floatToRawIntBits(value) >>> 23 & 0xFF;
    }

    /// The smallest magnitude in bin `bin` of exponent `exponent`; bin [#PAGE] is the first of the next exponent.
    static float lower(int exponent, int bin) {
        return Float.intBitsToFloat((exponent << 23) + (bin << DROPPED));
    }
}
