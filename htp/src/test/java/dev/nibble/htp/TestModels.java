package dev.nibble.htp;

import dev.nibble.graph.Attribute;
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
import java.util.ArrayList;
import java.util.List;

/// Small float models.
final class TestModels {
    /// Of the input and output of [#heavy].
    static final Shape HEAVY = Shape.of(1, 64, 128, 128);

    private TestModels() {}

    /// `y = relu(conv(x))`, one channel, a 1×1 kernel of weight 2, a batch that is open.
    static Model conv() {
        ValueInfo x = new ValueInfo(
                "x",
                new ValueType.TensorType(
                        DataType.FLOAT.code(),
                        List.of(new Dim.Symbol("N"), new Dim.Known(1), new Dim.Known(2), new Dim.Known(2)),
                        null));
        ValueInfo y = new ValueInfo("y", new ValueType.TensorType(DataType.FLOAT.code(), null, null));
        return Model.of(
                8,
                17,
                Graph.of(
                        "conv",
                        List.of(
                                Node.of("conv", "Conv", List.of("x", "w"), List.of("c")),
                                Node.of("relu", "Relu", List.of("c"), List.of("y"))),
                        List.of(Initializer.of("w", Tensor.of(Shape.of(1, 1, 1, 1), 2f))),
                        List.of(x),
                        List.of(y)));
    }

    /// Tenths of a second to some seconds of work for the emulator: four convolutions of 0.6 G multiply-accumulates each.
    static Model heavy() {
        int channels = 64;
        Tensor w = Tensor.of(Shape.of(channels, channels, 3, 3), new float[channels * channels * 9]);
        List<Node> nodes = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            nodes.add(Node.of(
                    "conv" + i,
                    "Conv",
                    List.of("v" + i, "w"),
                    List.of("v" + (i + 1)),
                    Attribute.ofInts("pads", 1, 1, 1, 1)));
        }
        return Model.of(
                8,
                17,
                Graph.of(
                        "heavy",
                        nodes,
                        List.of(Initializer.of("w", w)),
                        List.of(ValueInfo.of("v0", DataType.FLOAT, HEAVY)),
                        List.of(ValueInfo.of("v4", DataType.FLOAT, HEAVY))));
    }

    /// `y = op(x)`, float, 1×4.
    static Model of(String op, Attribute... attributes) {
        return Model.of(
                8,
                17,
                Graph.of(
                        op,
                        List.of(Node.of("node", op, List.of("x"), List.of("y"), attributes)),
                        List.of(),
                        List.of(ValueInfo.of("x", DataType.FLOAT, Shape.of(1, 4))),
                        List.of(ValueInfo.of("y", DataType.FLOAT, Shape.of(1, 4)))));
    }
}
