/// Memory that the processor and an accelerator can both reach.
@NullMarked
package dev.nibble.run.shared;

import org.jspecify.annotations.NullMarked;
