package dev.nibble.data;

/// Token ids of a text; all of them count.
///
/// @param ids in order
/// @param types which of two texts each token is of
record Tokens(long[] ids, long[] types) {}
