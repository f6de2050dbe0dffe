package dev.nibble.report.html;

import java.util.Locale;

/// The cividis colour map (Nuñez, Anderton, Renslow 2018): reads the same with and without colour blindness, and its
/// lightness rises evenly, so it survives grey printing.
final class Cividis {
    /// Samples at equal distances, from dark to light.
    private static final int[] STOPS = {
        0x00224e, 0x123570, 0x3b496c, 0x575d6d, 0x707173, 0x8a8678, 0xa59c74, 0xc3b369, 0xe1cc55, 0xfee838
    };

    private Cividis() {}

    /// The colour at `position`, 0 (dark blue) to 1 (yellow), as `#rrggbb`.
    static String at(double position) {
        double place = Math.clamp(position, 0.0, 1.0) * (STOPS.length - 1);
        int below = Math.min((int) place, STOPS.length - 2);
        double share = place - below;
        int rgb = 0;
        for (int shift = 16; shift >= 0; shift -= 8) {
            int from = STOPS[below] >> shift & 0xff;
            int to = STOPS[below + 1] >> shift & 0xff;
            rgb |= (int) Math.round(from + (to - from) * share) << shift;
        }
        return String.format(Locale.ROOT, "#%06x", rgb);
    }
}
