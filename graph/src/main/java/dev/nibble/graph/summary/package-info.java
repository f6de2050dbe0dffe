/// What a model is made of: operators, parameters, multiplications.
@org.jspecify.annotations.NullMarked
package dev.nibble.graph.summary;
