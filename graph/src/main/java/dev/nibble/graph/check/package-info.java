/// Whether a model is well formed: our own structural checks first, then ONNX's own checker.
@org.jspecify.annotations.NullMarked
package dev.nibble.graph.check;
