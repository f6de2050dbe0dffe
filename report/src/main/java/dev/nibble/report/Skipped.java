package dev.nibble.report;

import org.jspecify.annotations.Nullable;

/// Something that was left as it was, and why.
///
/// @param op operator type of the node; absent where the whole graph is meant
public record Skipped(String node, @Nullable String op, String reason) {
    public Skipped {
        Values.present("skipped[].node", node);
        Values.present("skipped[].reason", reason);
    }
}
