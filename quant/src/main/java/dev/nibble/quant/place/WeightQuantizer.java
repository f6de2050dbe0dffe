package dev.nibble.quant.place;

import dev.nibble.graph.Node;
import dev.nibble.quant.Scheme;
import java.util.List;

/// A quantizer on a constant.
///
/// @param name the initializer
/// @param scheme width, symmetry and granularity, with the axis of this operator
/// @param consumers the nodes that read it in this role
/// @param inEncodings whether an encodings file lists it
public record WeightQuantizer(
        String name, Scheme.Integer scheme, Role role, List<Node> consumers, boolean inEncodings) {
    /// What a constant is to its operator.
    public enum Role {
        /// The weight of a linear operator.
        WEIGHT,
        /// The scale or shift of a normalization.
        PARAMETER,
        /// The rows that Gather looks up, where values stay in float. Where values are quantized as well, a table is an
        /// [#OPERAND]: its codes pass through.
        TABLE,
        /// A constant in the place of an activation, quantized as one.
        OPERAND
    }

    public WeightQuantizer {
        consumers = List.copyOf(consumers);
    }
}
