/// Getting accuracy back without training: what needs samples, streamed layer by layer.
@org.jspecify.annotations.NullMarked
package dev.nibble.pipeline.recover;
