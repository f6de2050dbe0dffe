@NullMarked
package dev.nibble.npu.work;

import org.jspecify.annotations.NullMarked;
