/// The program of the child process that holds Qualcomm's libraries, and what it speaks with its parent. It uses the
/// JDK and ONNX Runtime only.
@org.jspecify.annotations.NullMarked
package dev.nibble.htp.child;
