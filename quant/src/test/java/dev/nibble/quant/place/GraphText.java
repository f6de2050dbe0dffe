package dev.nibble.quant.place;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/// Builds small models for tests.
public final class GraphText {
    private final List<Node> nodes = new ArrayList<>();
    private final List<Initializer> constants = new ArrayList<>();
    private final List<ValueInfo> inputs = new ArrayList<>();
    private final List<ValueInfo> outputs = new ArrayList<>();
    private final Random random = new Random(3);

    public GraphText input(String name, long... shape) {
        inputs.add(ValueInfo.of(name, DataType.FLOAT, Shape.of(shape)));
        return this;
    }

    public GraphText output(String name, long... shape) {
        outputs.add(ValueInfo.of(name, DataType.FLOAT, Shape.of(shape)));
        return this;
    }

    public GraphText output(DataType type, String name, long... shape) {
        outputs.add(ValueInfo.of(name, type, Shape.of(shape)));
        return this;
    }

    /// A constant of normally distributed numbers times `spread`.
    public GraphText weight(String name, double spread, long... shape) {
        float[] values = new float[(int) Shape.of(shape).elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * spread);
        }
        return constant(name, Tensor.of(Shape.of(shape), values));
    }

    public GraphText constant(String name, Tensor value) {
        constants.add(Initializer.of(name, value));
        return this;
    }

    /// `node("Conv", "x w b", "y")`; the node is called like its first output.
    public GraphText node(String op, String reads, String makes, Attribute... attributes) {
        List<String> out = List.of(makes.split(" "));
        nodes.add(Node.of("node_" + out.getFirst(), op, List.of(reads.split(" ")), out, attributes));
        return this;
    }

    public Model model() {
        return model(17);
    }

    public Model model(long opset) {
        return Model.of(opset >= 21 ? 10 : 8, opset, Graph.of("test", nodes, constants, inputs, outputs));
    }

    /// Normally distributed values for the inputs.
    public static java.util.Map<String, Tensor> sample(Model model, long seed) {
        Random random = new Random(seed);
        java.util.Map<String, Tensor> feeds = new java.util.LinkedHashMap<>();
        for (ValueInfo input : model.graph().feeds()) {
            Shape shape = model.graph().shape(input.name()).orElseThrow();
            float[] values = new float[(int) shape.elements()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            feeds.put(input.name(), Tensor.of(shape, values));
        }
        return feeds;
    }
}
