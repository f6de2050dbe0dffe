package dev.nibble.report;

import org.jspecify.annotations.Nullable;

/// The error at one layer's output. A document lists layers in topological order.
///
/// @param name output tensor, as in the float twin
/// @param graphWiseDb SQNR with everything quantized: the error that has gathered up to here
/// @param layerWiseDb SQNR with this layer alone quantized on float inputs
/// @param cosine with everything quantized
/// @param advice what to try, where this layer is among the worst
public record LayerError(
        String name,
        String op,
        @Nullable Double graphWiseDb,
        @Nullable Double layerWiseDb,
        @Nullable Double cosine,
        @Nullable String advice) {
    public LayerError {
        Values.present("layers[].name", name);
        Values.present("layers[].op", op);
        graphWiseDb = Values.decibels(graphWiseDb);
        layerWiseDb = Values.decibels(layerWiseDb);
        cosine = Values.finite(cosine);
    }

    /// What the layer is to blame for: the error that it adds itself; where that is not known, what has gathered.
    public @Nullable Double blameDb() {
        return layerWiseDb == null ? graphWiseDb : layerWiseDb;
    }
}
