package dev.nibble.cli;

import dev.nibble.graph.NibbleException;

/// What `--on` takes.
enum Device {
    /// ONNX Runtime on this machine.
    CPU,
    /// Qualcomm's emulator of the HTP.
    HTP;

    /// @throws NibbleException where this build cannot run there
    void requireHere() {
        switch (this) {
            case CPU -> {}
            case HTP ->
                throw new NibbleException(
                        "--on htp needs Qualcomm's libraries through 'nibble htp', which this version does not have yet",
                        "use --on cpu");
        }
    }
}
