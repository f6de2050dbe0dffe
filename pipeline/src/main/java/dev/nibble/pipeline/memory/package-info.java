/// What a run over samples takes, and how it is cut to fit `--max-memory`.
@org.jspecify.annotations.NullMarked
package dev.nibble.pipeline.memory;
