@NullMarked
package dev.nibble.npu.cost;

import org.jspecify.annotations.NullMarked;
