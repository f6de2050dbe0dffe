package dev.nibble.npu.profile.page;

import dev.nibble.npu.profile.Profile;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// A profile in one line.
public final class Headline {
    private Headline() {}

    public static String of(Profile p) {
        List<String> parts = new ArrayList<>();
        parts.add(p.dialect().title());
        if (p.runs() > 0) {
            parts.add(p.runs() + (p.runs() == 1 ? " run" : " runs"));
        }
        if (p.partitions() > 1) {
            parts.add(p.partitions() + " partitions");
        }
        if (p.totalMicros() != null) {
            parts.add(String.format(Locale.ROOT, "%.3f ms a run (%s)", p.totalMicros() / 1e3, p.totalBasis()));
        }
        if (p.totalCycles() != null) {
            parts.add(String.format(Locale.ROOT, "%,.0f cycles a run", p.totalCycles()));
        }
        parts.add(p.nodes().size() + " nodes");
        if (!p.offloaded().isEmpty()) {
            parts.add(p.offloaded().size() + " not on the accelerator");
        }
        return String.join(" · ", parts);
    }
}
