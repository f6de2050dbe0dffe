package dev.nibble.quant.range;

import dev.nibble.quant.Encoding;

/// What a search chose, and what it is expected to cost, so that choices can be compared.
///
/// @param search who chose
/// @param encoding what was chosen
/// @param error the error that the observed values are expected to have
public record RangeChoice(RangeSearch search, Encoding encoding, ExpectedError error) {}
