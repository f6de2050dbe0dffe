package dev.nibble.quant.place;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import java.util.OptionalInt;

/// The axis along which a weight's scales lie, by the operator that uses it: Conv channel 0, block 1;
/// ConvTranspose 1 and 0; Gemm by `transB`; MatMul last and last but one; of a table that Gather looks up and no layer
/// uses, row 0 and 1.
public final class WeightAxis {
    private WeightAxis() {}

    /// The axis of constant `name`; empty where no operator with channels uses it.
    ///
    /// @param block whether the axis of blocks is wanted instead of that of channels
    public static OptionalInt of(Graph graph, String name, boolean block) {
        Shape shape = graph.shape(name).orElse(Shape.SCALAR);
        OptionalInt rows = OptionalInt.empty();
        for (Node node : graph.consumers(name)) {
            if (OperatorInputs.isBias(node, 2) && node.input(2).equals(name)) {
                return shape.rank() == 0 ? OptionalInt.empty() : OptionalInt.of(shape.rank() - 1);
            }
            if (node.is("Gather") && node.input(0).equals(name) && shape.rank() == 2) {
                rows = node.intAttribute("axis", 0) == 0 ? OptionalInt.of(block ? 1 : 0) : rows;
            }
            if (node.input(1).equals(name) && OperatorInputs.role(node, 1) == WeightQuantizer.Role.WEIGHT) {
                var axes = OperatorInputs.axes(node, shape.rank());
                if (axes.isPresent()) {
                    return OptionalInt.of(
                            block ? axes.get().block() : axes.get().channel());
                }
            }
        }
        return rows;
    }
}
