@NullMarked
package dev.nibble.npu.profile.log;

import org.jspecify.annotations.NullMarked;
