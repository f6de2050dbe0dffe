/// Where quantizers go: from a graph and a target's rules to a plan, and from a plan and ranges to a
/// quantization.
@org.jspecify.annotations.NullMarked
package dev.nibble.quant.place;
