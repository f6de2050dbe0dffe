package dev.nibble.quant.encodings;

import dev.nibble.quant.place.Overrides;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The content of an encodings file.
///
/// @param version as the file writes it; empty in a file of overrides, which need not have one
/// @param activations entries for values by name; in 2.0.0, where one list holds all, every entry
/// @param params entries for weights by name; empty in 2.0.0
/// @param arguments `quantizer_args`, as they are
/// @param supergroups chains of operators that do, or do not, count as one
public record Encodings(
        String version,
        Map<String, EncodingEntry> activations,
        Map<String, EncodingEntry> params,
        Map<String, Object> arguments,
        List<Overrides.Fusion> supergroups) {
    public Encodings {
        arguments = Collections.unmodifiableMap(new LinkedHashMap<>(arguments));
        supergroups = List.copyOf(supergroups);
        activations = Collections.unmodifiableMap(new LinkedHashMap<>(activations));
        params = Collections.unmodifiableMap(new LinkedHashMap<>(params));
    }

    /// Whether one list holds all entries, as from 2.0.0 on.
    public boolean isOneList() {
        return version.startsWith("2.");
    }

    /// All entries by name.
    public Map<String, EncodingEntry> all() {
        Map<String, EncodingEntry> all = new LinkedHashMap<>(activations);
        all.putAll(params);
        return all;
    }
}
