/// Writes results so that nobody ever sees half of one: beside their place, then moved into it.
@org.jspecify.annotations.NullMarked
package dev.nibble.pipeline.output;
