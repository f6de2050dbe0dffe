package dev.nibble.pipeline.memory;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.quant.place.Finding;
import dev.nibble.run.PeakMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.ToLongFunction;

/// `--max-memory`: what the samples under way and the values computed from them may take, beside the model itself.
///
/// @param bytes the limit
/// @param asked whether the user set it. Only then are values looked at in several passes, and is a sample that does not
///     fit an error; otherwise the limit chooses the size of batches
public record MemoryBudget(long bytes, boolean asked) {
    /// Share of the limit that tensors may take; the rest is for histograms and for what the JVM has not collected yet.
    private static final double TENSORS = 0.75;

    /// What the process takes without any model: the JVM and ONNX Runtime.
    private static final long PROCESS = 200L << 20;

    /// Where nothing is said.
    public static final MemoryBudget DEFAULT = new MemoryBudget(1L << 30, false);

    public MemoryBudget {
        if (bytes < 1) {
            throw new IllegalArgumentException("the limit must be positive, but was " + bytes);
        }
    }

    /// The limit that was set, or the default.
    public static MemoryBudget of(OptionalLong limit) {
        return limit.isPresent() ? new MemoryBudget(limit.getAsLong(), true) : DEFAULT;
    }

    /// `values` in groups that fit one after the other, in their order: each takes a pass over the samples.
    ///
    /// @param base bytes that a run on one sample takes whatever is looked at
    /// @param each bytes that looking at a value takes beside
    /// @param what the values are looked at for, for the error
    /// @throws NibbleException where one value alone takes more, with what it takes
    public List<List<String>> groups(List<String> values, long base, ToLongFunction<String> each, String what) {
        if (!asked || values.isEmpty()) {
            return List.of(List.copyOf(values));
        }
        List<List<String>> groups = new ArrayList<>();
        List<String> group = new ArrayList<>();
        long taken = base;
        for (String value : values) {
            long more = each.applyAsLong(value);
            if (base + more > tensors()) {
                long needed = (long) Math.ceil(values.stream()
                                .mapToLong(v -> base + each.applyAsLong(v))
                                .max()
                                .orElse(base)
                        / TENSORS);
                throw new NibbleException(
                        "%s takes %s for a single sample ('%s'), and --max-memory allows %s"
                                .formatted(what, shown(needed), value, shown(bytes)),
                        "give at least --max-memory %s, or smaller samples"
                                .formatted(shown(needed).replace(" kB", "k").replace(" MB", "m")));
            }
            if (taken + more > tensors()) {
                groups.add(List.copyOf(group));
                group.clear();
                taken = base;
            }
            group.add(value);
            taken += more;
        }
        groups.add(List.copyOf(group));
        return List.copyOf(groups);
    }

    /// Bytes that tensors may take.
    public long tensors() {
        return asked ? (long) (bytes * TENSORS) : bytes;
    }

    /// How many samples go through at once, at most `most`.
    ///
    /// @param each bytes that one takes
    public int batch(long each, int most) {
        return (int) Math.clamp(tensors() / Math.max(1, each), 1, most);
    }

    /// `what`, with the number of passes where there are several: how a stage is announced before it begins.
    public static String announced(String what, int passes) {
        return passes <= 1 ? what : "%s in %d passes, as --max-memory asks".formatted(what, passes);
    }

    /// What the process took beyond the limit, the model and what it needs itself: ONNX Runtime's own copies of the weights, as
    /// a rule. Empty where the user set no limit, or the system does not tell.
    ///
    /// @param model as it was read
    public Optional<Finding> exceeded(PeakMemory peak, Model model) {
        long weights = model.graph().weightBytes();
        if (!asked || !peak.resident() || peak.bytes() <= weights + bytes + PROCESS) {
            return Optional.empty();
        }
        return Optional.of(new Finding(
                "M108",
                Finding.Severity.WARNING,
                "the process took %s at most: more than --max-memory %s, the model's %s and %s for itself"
                        .formatted(shown(peak.bytes()), shown(bytes), shown(weights), shown(PROCESS)),
                "let it have that much: the limit bounds samples and what is computed from them, not the runtime's own copies of"
                        + " the model"));
    }

    /// Rounded up, so that it suffices.
    private static String shown(long bytes) {
        return bytes < 1 << 20 ? Math.ceilDiv(bytes, 1 << 10) + " kB" : Math.ceilDiv(bytes, 1 << 20) + " MB";
    }
}
