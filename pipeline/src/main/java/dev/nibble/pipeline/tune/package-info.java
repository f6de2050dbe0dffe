/// Making a model faster: rewrites that prove themselves, and the HTP's configuration.
@NullMarked
package dev.nibble.pipeline.tune;

import org.jspecify.annotations.NullMarked;
