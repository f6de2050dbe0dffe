package dev.nibble.data;

/// Turns token ids back into text.
interface TokenText extends AutoCloseable {
    /// The text of `ids`, special tokens left out. Where ids end within a character, so does the text.
    String of(long[] ids);

    @Override
    default void close() {}
}
