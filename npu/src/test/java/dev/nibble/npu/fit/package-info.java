@NullMarked
package dev.nibble.npu.fit;

import org.jspecify.annotations.NullMarked;
