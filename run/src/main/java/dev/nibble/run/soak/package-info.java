/// Many runs in a row: what grows, drifts or differs.
@NullMarked
package dev.nibble.run.soak;

import org.jspecify.annotations.NullMarked;
