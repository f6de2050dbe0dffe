/// Algorithms that change weights and biases without gradients.
@org.jspecify.annotations.NullMarked
package dev.nibble.quant.weight;
