@org.jspecify.annotations.NullMarked
package dev.nibble.quant.range;
