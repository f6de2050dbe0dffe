/// Fitting the cost model to measurements, and how wrong it is on what it has not seen.
@NullMarked
package dev.nibble.npu.fit;

import org.jspecify.annotations.NullMarked;
