package dev.nibble.data;

import dev.nibble.graph.NibbleException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// How texts become token ids, and how token ids are cut. Null means "not said".
///
/// @param tokenizer a `tokenizer.json`
/// @param maxLength tokens a sample, special ones included; longer ones are cut. Default: what the model's input holds,
///     else what the tokenizer says
/// @param padding whether every sample is filled up to the maximum length; without it samples are as long as they are
/// @param pooling how the tokens of a text become one embedding, for metrics; default: their mean
/// @param lengths for token ids in a `.npy`: how many of each row count
public record TextOptions(
        @Nullable Path tokenizer,
        @Nullable Integer maxLength,
        @Nullable Boolean padding,
        @Nullable Path lengths,
        @Nullable Pooling pooling) {
    /// How the tokens of a text become one embedding.
    public enum Pooling {
        /// The mean over the tokens that count.
        MEAN,
        /// The first token.
        CLS
    }

    /// Nothing said.
    public static final TextOptions NONE = new TextOptions(null, null, null, null, null);

    /// @throws NibbleException where the length is out of its range
    public TextOptions {
        if (maxLength != null && (maxLength < 1 || maxLength > 1 << 20)) {
            throw new NibbleException("max-length must be 1 to 1048576, but was " + maxLength, "correct --max-length");
        }
    }

    TextOptions over(TextOptions base) {
        return new TextOptions(
                tokenizer != null ? tokenizer : base.tokenizer,
                maxLength != null ? maxLength : base.maxLength,
                padding != null ? padding : base.padding,
                lengths != null ? lengths : base.lengths,
                pooling != null ? pooling : base.pooling);
    }

    boolean pads() {
        return padding != null && padding;
    }
}
