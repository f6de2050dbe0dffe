/// The types and shapes of all values of a model: from ONNX's own inference where the library knows the opset,
/// from our rules elsewhere.
@org.jspecify.annotations.NullMarked
package dev.nibble.graph.shape;
