/// How much of a signal quantization left, tensor by tensor.
@org.jspecify.annotations.NullMarked
package dev.nibble.quant.measure;
