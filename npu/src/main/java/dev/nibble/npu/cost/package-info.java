/// How long layers take: cost models behind one interface, and what they are calibrated with.
@NullMarked
package dev.nibble.npu.cost;

import org.jspecify.annotations.NullMarked;
