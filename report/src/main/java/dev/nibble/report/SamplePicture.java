package dev.nibble.report;

import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// A sample, what the float model says of it and what the quantized one says. The input is an image, a series or a
/// text; where all three are absent the sample goes by its name.
///
/// @param name file or index
/// @param image `data:image/png;base64,…`, see [#dataUri(byte\[\])]
/// @param series values to draw as a line
/// @param text the input as text
/// @param label the truth; absent without labels
public record SamplePicture(
        String name,
        @Nullable String image,
        List<Double> series,
        @Nullable String text,
        @Nullable String label,
        Answer floatAnswer,
        Answer quantizedAnswer) {
    private static final Pattern PNG_DATA_URI = Pattern.compile("data:image/png;base64,[A-Za-z0-9+/]+={0,2}");

    public SamplePicture {
        Values.present("pictures[].name", name);
        Values.present("pictures[].floatAnswer", floatAnswer);
        Values.present("pictures[].quantizedAnswer", quantizedAnswer);
        series = Values.list(series);
        if (image != null && !PNG_DATA_URI.matcher(image).matches()) {
            throw new IllegalArgumentException("image of sample " + name + " must be a PNG data URI");
        }
    }

    /// A PNG file as data URI.
    public static String dataUri(byte[] png) {
        return "data:image/png;base64," + Base64.getEncoder().encodeToString(png);
    }

    /// What a model says.
    ///
    /// @param confidence 0 to 1
    /// @param right against the label; absent without one
    public record Answer(
            String text,
            @Nullable Double confidence,
            @Nullable Boolean right) {
        public Answer {
            Values.present("answer.text", text);
            confidence = Values.finite(confidence);
        }
    }
}
