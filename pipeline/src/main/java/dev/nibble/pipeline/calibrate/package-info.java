/// From samples to the range of every activation: one pass over the data, then a choice among the candidates.
@org.jspecify.annotations.NullMarked
package dev.nibble.pipeline.calibrate;
