/// AIMET's encodings files, versions 0.6.1, 1.0.0 and 2.0.0.
@org.jspecify.annotations.NullMarked
package dev.nibble.quant.encodings;
