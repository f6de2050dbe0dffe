@NullMarked
package dev.nibble.run.shared;

import org.jspecify.annotations.NullMarked;
