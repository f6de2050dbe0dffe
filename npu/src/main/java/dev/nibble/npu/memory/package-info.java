/// What lies in the fast memory: working sets, tiles, and the timeline of a run.
@NullMarked
package dev.nibble.npu.memory;

import org.jspecify.annotations.NullMarked;
