/// Rewrites that keep a model's function: folding, removing, fusing, and raising the operator set.
@org.jspecify.annotations.NullMarked
package dev.nibble.graph.pass;
