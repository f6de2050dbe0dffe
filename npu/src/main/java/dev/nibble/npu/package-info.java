/// Speed on an NPU, predicted from the model alone.
@NullMarked
package dev.nibble.npu;

import org.jspecify.annotations.NullMarked;
