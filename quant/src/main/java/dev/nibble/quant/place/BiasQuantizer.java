package dev.nibble.quant.place;

import dev.nibble.graph.Node;

/// A quantizer on a bias: int32 with the scale `s_in · s_w`, which only its operator has.
///
/// @param name the initializer; no other node uses it
/// @param node the operator
/// @param input the value whose scale is `s_in`
/// @param weight the initializer whose scales are `s_w`
public record BiasQuantizer(String name, Node node, String input, String weight) {}
