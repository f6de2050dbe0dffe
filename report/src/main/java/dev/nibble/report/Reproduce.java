package dev.nibble.report;

import java.util.Map;

/// What it takes to get the same result again; the model's hash stands in [ModelInfo].
///
/// @param command the command line
/// @param seed of everything random
/// @param versions of what the result depends on, e.g. `onnxruntime` → `1.29.0`
public record Reproduce(String command, long seed, Map<String, String> versions) {
    public Reproduce {
        Values.present("reproduce.command", command);
        versions = Values.sorted(versions);
    }
}
