/// Documents as text for a terminal. Nothing here prints: every function returns a string.
@NullMarked
package dev.nibble.report.text;

import org.jspecify.annotations.NullMarked;
