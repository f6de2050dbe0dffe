/// The projections of a placement plan into files: QDQ, and the float twin.
@org.jspecify.annotations.NullMarked
package dev.nibble.quant.export;
