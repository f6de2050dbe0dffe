/// Readers of profiles, a class a dialect.
@NullMarked
package dev.nibble.npu.profile.read;

import org.jspecify.annotations.NullMarked;
