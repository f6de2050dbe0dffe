/// ONNX Runtime on the CPU: runs models, streams chosen tensors to a consumer, reads its profiles.
@org.jspecify.annotations.NullMarked
package dev.nibble.run;
