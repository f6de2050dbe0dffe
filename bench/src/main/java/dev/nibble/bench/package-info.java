@org.jspecify.annotations.NullMarked
package dev.nibble.bench;
