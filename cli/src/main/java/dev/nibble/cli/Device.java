package dev.nibble.cli;

import dev.nibble.graph.NibbleException;
import dev.nibble.htp.HtpLibraries;
import dev.nibble.pipeline.htp.HtpDevice;
import dev.nibble.target.Targets;
import java.util.List;
import java.util.Optional;

/// What `--on` takes.
enum Device {
    /// ONNX Runtime on this machine.
    CPU,
    /// Qualcomm's emulator of the HTP.
    HTP;

    /// The HTP of `--target` where that is where to run; empty for the CPU.
    ///
    /// @throws NibbleException where Qualcomm's libraries are not there, or several targets are given
    Optional<HtpDevice> htp(NibbleCommand command) {
        return switch (this) {
            case CPU -> Optional.empty();
            case HTP -> {
                List<String> targets = command.everywhere().targets();
                if (targets.size() > 1) {
                    throw new NibbleException("--on htp emulates one target at a time", "choose one of them");
                }
                yield Optional.of(new HtpDevice(
                        HtpLibraries.of(command.terminal().environment()).require(),
                        Targets.find(targets.isEmpty() ? QuantizeCommand.DEFAULT_TARGET : targets.getFirst())));
            }
        };
    }
}
