@NullMarked
package dev.nibble.npu;

import org.jspecify.annotations.NullMarked;
