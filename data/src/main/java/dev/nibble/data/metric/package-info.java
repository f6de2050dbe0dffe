/// Streaming metrics with intervals, and paired comparisons.
@org.jspecify.annotations.NullMarked
package dev.nibble.data.metric;
