/// Labelled text lines drawn at run time, for a first run without any data of one's own.
@org.jspecify.annotations.NullMarked
package dev.nibble.pipeline.demo;
