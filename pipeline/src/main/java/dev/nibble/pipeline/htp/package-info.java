/// What is asked of Qualcomm's own compiler and emulator: to get them, to measure on them, where each node goes, what
/// they compile.
@org.jspecify.annotations.NullMarked
package dev.nibble.pipeline.htp;
