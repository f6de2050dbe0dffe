@NullMarked
package dev.nibble.run.soak;

import org.jspecify.annotations.NullMarked;
