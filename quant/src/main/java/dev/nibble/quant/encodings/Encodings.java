package dev.nibble.quant.encodings;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/// The content of an encodings file.
///
/// @param version as the file writes it
/// @param activations entries for values by name; in 2.0.0, where one list holds all, every entry
/// @param params entries for weights by name; empty in 2.0.0
public record Encodings(String version, Map<String, EncodingEntry> activations, Map<String, EncodingEntry> params) {
    public Encodings {
        activations = Collections.unmodifiableMap(new LinkedHashMap<>(activations));
        params = Collections.unmodifiableMap(new LinkedHashMap<>(params));
    }

    /// All entries by name.
    public Map<String, EncodingEntry> all() {
        Map<String, EncodingEntry> all = new LinkedHashMap<>(activations);
        all.putAll(params);
        return all;
    }
}
