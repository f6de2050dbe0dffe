package dev.nibble.report;

import org.jspecify.annotations.Nullable;

/// The model that was read.
///
/// @param path as the user gave it
/// @param sha256 of the file, 64 hexadecimal digits
/// @param opset of the default domain
/// @param bytes of the file and its external data
/// @param parameters number of weights' elements
/// @param macs multiply-accumulates for one sample
public record ModelInfo(
        String path,
        String sha256,
        int opset,
        @Nullable Long bytes,
        @Nullable Long parameters,
        @Nullable Long macs) {
    public ModelInfo {
        Values.present("model.path", path);
        Values.present("model.sha256", sha256);
    }
}
