/// Evidence in the logs of ONNX Runtime and QNN.
@NullMarked
package dev.nibble.npu.profile.log;

import org.jspecify.annotations.NullMarked;
