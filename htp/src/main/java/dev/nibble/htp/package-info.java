/// Qualcomm's own HTP compiler and emulator, run in a child process: what it takes, and what it computes.
@org.jspecify.annotations.NullMarked
package dev.nibble.htp;
