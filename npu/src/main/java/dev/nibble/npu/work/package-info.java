/// What a model asks of the hardware: a graph as the compiler schedules it, and the work of each of its layers.
@NullMarked
package dev.nibble.npu.work;

import org.jspecify.annotations.NullMarked;
