package dev.nibble.run;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.List;

/// Models of a few nodes.
final class SmallModels {
    private SmallModels() {}

    /// `x[N×2×4×4] → Conv (1×1, 2 → 3 channels) → conv → Relu → y`.
    static Model convRelu() {
        float[] weights = {1, -1, 2, 0.5f, -3, 0.25f};
        Graph graph = Graph.of(
                "conv-relu",
                List.of(
                        Node.of("c", "Conv", List.of("x", "w"), List.of("conv")),
                        Node.of("r", "Relu", List.of("conv"), List.of("y"))),
                List.of(Initializer.of("w", Tensor.of(Shape.of(3, 2, 1, 1), weights))),
                List.of(batched("x", DataType.FLOAT, 2, 4, 4)),
                List.of(batched("y", DataType.FLOAT, 3, 4, 4)));
        return Model.of(8, 13, graph);
    }

    /// A model of one node.
    static Model single(String op, List<ValueInfo> inputs, ValueInfo output, Initializer... weights) {
        List<String> names = new java.util.ArrayList<>();
        inputs.forEach(i -> names.add(i.name()));
        for (Initializer weight : weights) {
            names.add(weight.name());
        }
        return Model.of(
                8,
                13,
                Graph.of(
                        op.toLowerCase(java.util.Locale.ROOT),
                        List.of(Node.of("", op, names, List.of(output.name()))),
                        List.of(weights),
                        inputs,
                        List.of(output)));
    }

    /// A tensor `name[N×…]`.
    static ValueInfo batched(String name, DataType type, long... dims) {
        List<Dim> all = new java.util.ArrayList<>();
        all.add(new Dim.Symbol("N"));
        for (long dim : dims) {
            all.add(new Dim.Known(dim));
        }
        return new ValueInfo(name, new ValueType.TensorType(type.code(), all, null));
    }
}
