package dev.nibble.npu;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.shape.ShapeInference;
import dev.nibble.npu.work.Flow;
import dev.nibble.npu.work.ReadFlow;
import java.util.ArrayList;
import java.util.List;

/// Small models for tests, line by line.
public final class Nets {
    private final List<Node> nodes = new ArrayList<>();
    private final List<Initializer> constants = new ArrayList<>();
    private final List<ValueInfo> inputs = new ArrayList<>();
    private final List<String> outputs = new ArrayList<>();

    public Nets input(String name, long... shape) {
        inputs.add(ValueInfo.of(name, DataType.FLOAT, Shape.of(shape)));
        return this;
    }

    /// A constant of zeros.
    public Nets weight(String name, long... shape) {
        constants.add(Initializer.of(
                name, Tensor.of(Shape.of(shape), new float[(int) Shape.of(shape).elements()])));
        return this;
    }

    public Nets scalar(String name, float value) {
        constants.add(Initializer.of(name, Tensor.of(Shape.SCALAR, value)));
        return this;
    }

    public Nets longs(String name, long... values) {
        constants.add(Initializer.of(name, Tensor.of(Shape.of(values.length), values)));
        return this;
    }

    public Nets constant(String name, Tensor tensor) {
        constants.add(Initializer.of(name, tensor));
        return this;
    }

    /// A node named after its output.
    public Nets node(String output, String op, String from, Attribute... attributes) {
        nodes.add(Node.of(output, op, List.of(from.split(" ")), List.of(output), attributes));
        return this;
    }

    /// A convolution of 3×3 that keeps the picture's size; its weight is `output` + `_w`.
    public Nets conv3(String output, String from, long in, long out) {
        return weight(output + "_w", out, in, 3, 3)
                .node(
                        output,
                        "Conv",
                        from + " " + output + "_w",
                        Attribute.ofInts("kernel_shape", 3, 3),
                        Attribute.ofInts("pads", 1, 1, 1, 1));
    }

    public Nets output(String... names) {
        outputs.addAll(List.of(names));
        return this;
    }

    public Model model() {
        Graph open = Graph.of(
                "test",
                nodes,
                constants,
                inputs,
                outputs.stream()
                        .map(o -> new ValueInfo(o, new ValueType.TensorType(1, null, null)))
                        .toList());
        return ShapeInference.infer(Model.of(8, 17, open)).model();
    }

    public Flow flow() {
        return ReadFlow.of(model().graph());
    }
}
