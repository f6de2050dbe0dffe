package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import java.util.Locale;

/// Where the channels of a stored picture lie.
public enum Layout {
    /// Height, width, channels.
    NHWC,
    /// Channels, height, width.
    NCHW;

    /// The layout named `text`, in either case.
    ///
    /// @throws NibbleException for any other word
    public static Layout parse(String text) {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "nhwc" -> NHWC;
            case "nchw" -> NCHW;
            default ->
                throw new NibbleException(
                        "layout must be nhwc or nchw, but was '" + text + "'", "nhwc is a picture as files store it");
        };
    }
}
