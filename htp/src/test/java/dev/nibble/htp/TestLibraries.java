package dev.nibble.htp;

import org.junit.jupiter.api.Assumptions;

/// Qualcomm's libraries, where this machine has them.
final class TestLibraries {
    private TestLibraries() {}

    /// Skips the test where there are none.
    static HtpLibraries require() {
        HtpLibraries libraries = HtpLibraries.of(System.getenv());
        Assumptions.assumeTrue(
                libraries.found(),
                "Qualcomm's libraries are not in " + libraries.root() + ": nibble htp install --accept-license");
        return libraries;
    }
}
