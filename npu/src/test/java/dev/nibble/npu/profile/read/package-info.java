@NullMarked
package dev.nibble.npu.profile.read;

import org.jspecify.annotations.NullMarked;
