/// Profiles that come back from a device: what they hold, whatever tool wrote them.
@NullMarked
package dev.nibble.npu.profile;

import org.jspecify.annotations.NullMarked;
