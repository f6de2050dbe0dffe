@NullMarked
package dev.nibble.npu.page;

import org.jspecify.annotations.NullMarked;
