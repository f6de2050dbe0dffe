package dev.nibble.htp;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import dev.nibble.graph.ValueInfo;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Runs models in the HTP's own arithmetic: Qualcomm's emulator, in child processes.
///
/// The whole model runs there: where the compiler leaves a node out, that is an error, never a silent fallback. Shapes
/// are fixed at the first run; a batch that the model leaves open is taken apart into single samples, which the
/// children share.
public final class HtpExecutor implements Executor {
    private final HtpLibraries libraries;
    private final Soc soc;
    private final int children;
    private final Limits limits;
    private final Map<String, String> more;

    /// How long the libraries may take before their process is ended.
    public record Limits(Duration compiling, Duration running) {
        /// Ten minutes each: more than any model of the size this tool is for takes on a slow machine.
        public static final Limits DEFAULT = new Limits(Duration.ofMinutes(10), Duration.ofMinutes(10));
    }

    /// @param soc the chip that is emulated
    /// @param children processes that work at the same time, at least 1; each computes on one core
    public HtpExecutor(HtpLibraries libraries, Soc soc, int children) {
        this(libraries, soc, children, Limits.DEFAULT);
    }

    HtpExecutor(HtpLibraries libraries, Soc soc, int children, Limits limits) {
        this(libraries, soc, children, limits, Map.of());
    }

    private HtpExecutor(HtpLibraries libraries, Soc soc, int children, Limits limits, Map<String, String> more) {
        if (children < 1) {
            throw new IllegalArgumentException("children must be at least 1, but was " + children);
        }
        this.libraries = libraries.require();
        this.soc = soc;
        this.children = children;
        this.limits = limits;
        this.more = Map.copyOf(more);
    }

    /// What the plugin writes about time; of one child.
    ///
    /// @param detailed each operator too, not only each run
    /// @param file to be written, CSV
    public record Profile(boolean detailed, Path file) {}

    /// As this one, with wishes about time, which on the emulator is the host's whatever they are.
    ///
    /// @param performance QNN's name of a device's clocks, such as `burst`; empty: the plugin's choice
    public HtpExecutor timed(String performance, Optional<Profile> profile) {
        Map<String, String> options = new HashMap<>(more);
        if (!performance.isEmpty()) {
            options.put("htp_performance_mode", performance.equals("system_settings") ? "default" : performance);
        }
        profile.ifPresent(wanted -> {
            options.put("profiling_level", wanted.detailed() ? "detailed" : "basic");
            options.put("profiling_file_path", wanted.file().toAbsolutePath().toString());
        });
        return new HtpExecutor(libraries, soc, children, limits, options);
    }

    /// Whether a model with this input can be run from here: 16-bit codes without sign cannot be fed.
    public static boolean canFeed(ValueInfo input) {
        return HtpModel.canFeed(input);
    }

    /// The processes that work at the same time.
    public int children() {
        return children;
    }

    /// As [Executor#open]; the compiler sees the model at the first run, when its shapes are known. The options change
    /// nothing: the compiler always rewrites, and a child computes on one core.
    @Override
    public HtpSession open(Model model, List<String> fetches, Options options) {
        HtpModel.check(model, fetches);
        return new HtpSession(model, fetches, libraries, soc, children, limits, more);
    }
}
