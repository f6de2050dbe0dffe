/// Which operators the compiler joins before it runs them: patterns as data, and one matcher.
@NullMarked
package dev.nibble.npu.fuse;

import org.jspecify.annotations.NullMarked;
