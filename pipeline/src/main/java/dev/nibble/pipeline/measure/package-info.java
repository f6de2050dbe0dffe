/// What quantization cost: the task metric on the written file, and the error tensor by tensor.
@org.jspecify.annotations.NullMarked
package dev.nibble.pipeline.measure;
