package dev.nibble.data;

/// Token ids of a text; all of them count.
///
/// @param ids in order
/// @param types which of two texts each token is of
/// @param cut whether the text goes on behind them
record Tokens(long[] ids, long[] types, boolean cut) {}
