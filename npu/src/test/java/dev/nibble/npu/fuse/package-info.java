@NullMarked
package dev.nibble.npu.fuse;

import org.jspecify.annotations.NullMarked;
