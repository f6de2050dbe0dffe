@NullMarked
package dev.nibble.npu.memory;

import org.jspecify.annotations.NullMarked;
