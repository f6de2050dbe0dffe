package dev.nibble.graph.io;

import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;

/// What a producer left in a model for its users (`metadata_props`): class names, an alphabet, preprocessing.
public final class ModelMetadata {
    private static final int METADATA_PROPS = 14;

    private ModelMetadata() {}

    /// The entries of `model` in their order.
    ///
    /// @throws NibbleException where they are damaged
    public static Map<String, String> of(Model model) {
        Map<String, String> entries = new LinkedHashMap<>();
        try {
            for (MemorySegment field : model.carried().fields()) {
                WireReader wire = new WireReader(field);
                while (wire.next()) {
                    if (wire.field() == METADATA_PROPS) {
                        entry(wire.message(), entries);
                    }
                }
            }
        } catch (WireReader.WireException e) {
            throw new NibbleException(
                    "the model's metadata are damaged: " + e.getMessage(), "export the model again", e);
        }
        return entries;
    }

    private static void entry(WireReader wire, Map<String, String> entries) {
        String key = "";
        String value = "";
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> key = wire.string();
                case 2 -> value = wire.string();
                default -> {
                    // Unknown fields of an entry say nothing about its key or value.
                }
            }
        }
        entries.put(key, value);
    }
}
