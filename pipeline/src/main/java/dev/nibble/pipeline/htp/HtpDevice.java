package dev.nibble.pipeline.htp;

import dev.nibble.htp.HtpExecutor;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.htp.Soc;
import dev.nibble.target.Target;

/// The HTP of a chip, as Qualcomm's emulator computes it on this machine.
public record HtpDevice(HtpLibraries libraries, Target target) {
    /// How results call it.
    public static final String NAME = "htp";

    /// What stands before the name of a figure that compares the HTP with the CPU on the same file.
    public static final String AGAINST_CPU = "htpToCpu.";

    /// What runs models on it.
    ///
    /// @param threads processes that work at the same time; 0 is one a core
    /// @throws dev.nibble.graph.NibbleException where the libraries are not there, or the chip has no number
    public HtpExecutor executor(int threads) {
        return new HtpExecutor(
                libraries,
                Soc.of(target),
                threads > 0 ? threads : Runtime.getRuntime().availableProcessors());
    }
}
