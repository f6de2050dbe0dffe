package dev.nibble.htp;

import dev.nibble.graph.Executor;
import dev.nibble.graph.Model;
import java.time.Duration;
import java.util.List;

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
        if (children < 1) {
            throw new IllegalArgumentException("children must be at least 1, but was " + children);
        }
        this.libraries = libraries.require();
        this.soc = soc;
        this.children = children;
        this.limits = limits;
    }

    /// The processes that work at the same time.
    public int children() {
        return children;
    }

    /// As [Executor#open]; the compiler sees the model at the first run, when its shapes are known. The options change
    /// nothing: the compiler always rewrites, and a child computes on one core.
    @Override
    public Session open(Model model, List<String> fetches, Options options) {
        HtpModel.check(model, fetches);
        return new HtpSession(model, fetches, libraries, soc, children, limits);
    }
}
