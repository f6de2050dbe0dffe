/// Reading and writing ONNX files.
@org.jspecify.annotations.NullMarked
package dev.nibble.graph.io;
