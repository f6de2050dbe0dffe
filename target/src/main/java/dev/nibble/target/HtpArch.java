package dev.nibble.target;

/// The generations of the Hexagon tensor processor (HTP) that Nibble knows, in order.
public enum HtpArch {
    V68,
    V69,
    V73,
    V75,
    V79,
    V81;

    /// Whether this is `other` or newer.
    public boolean atLeast(HtpArch other) {
        return compareTo(other) >= 0;
    }
}
