/// Profiles as pages and traces.
@NullMarked
package dev.nibble.npu.profile.page;

import org.jspecify.annotations.NullMarked;
