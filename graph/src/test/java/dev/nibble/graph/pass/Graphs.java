package dev.nibble.graph.pass;

import static org.junit.jupiter.api.Assertions.assertTrue;

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
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;

/// Small models for tests, put together line by line.
final class Graphs {
    private final List<Node> nodes = new ArrayList<>();
    private final List<Initializer> initializers = new ArrayList<>();
    private final List<ValueInfo> inputs = new ArrayList<>();
    private final List<ValueInfo> outputs = new ArrayList<>();
    private final Random random = new Random(7);

    Graphs input(String name, long... shape) {
        inputs.add(ValueInfo.of(name, DataType.FLOAT, Shape.of(shape)));
        return this;
    }

    Graphs output(String... names) {
        for (String name : names) {
            outputs.add(new ValueInfo(name, new ValueType.TensorType(1, null, null)));
        }
        return this;
    }

    /// A node named after its output: `node("y", "Add", "a b")`.
    Graphs node(String output, String op, String inputs, Attribute... attributes) {
        List<String> names = inputs.isEmpty() ? List.of() : List.of(inputs.split(" "));
        nodes.add(Node.of(
                output, op, names.stream().map(n -> n.equals("-") ? "" : n).toList(), List.of(output), attributes));
        return this;
    }

    /// A Split along `axis` into as many equal parts as there are `outputs`.
    Graphs split(String input, long axis, String... outputs) {
        nodes.add(Node.of("split", "Split", List.of(input), List.of(outputs), Attribute.of("axis", axis)));
        return this;
    }

    Graphs constant(String name, Tensor tensor) {
        initializers.add(Initializer.of(name, tensor));
        return this;
    }

    Graphs scalar(String name, float value) {
        return constant(name, Tensor.of(Shape.SCALAR, value));
    }

    Graphs longs(String name, long... values) {
        return constant(name, Tensor.of(Shape.of(values.length), values));
    }

    /// Random numbers from N(0, 1), the same at each run.
    Graphs weight(String name, long... shape) {
        float[] values = new float[(int) Shape.of(shape).elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return constant(name, Tensor.of(Shape.of(shape), values));
    }

    /// As [#weight], but from 0.5 to 1.5: variances.
    Graphs positive(String name, long... shape) {
        float[] values = new float[(int) Shape.of(shape).elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = 0.5f + random.nextFloat();
        }
        return constant(name, Tensor.of(Shape.of(shape), values));
    }

    Model build(long opset) {
        return Model.of(
                Math.max(4, RaiseOpset.irFor(opset)), opset, Graph.of("test", nodes, initializers, inputs, outputs));
    }

    /// Operator types in order, separated by spaces.
    static String ops(Model model) {
        return model.graph().nodes().stream().map(Node::opType).collect(Collectors.joining(" "));
    }

    /// The one reason a pass gave for leaving something alone.
    static String reason(PassResult result) {
        return result.skipped().stream().map(PassResult.Skipped::reason).collect(Collectors.joining(" | "));
    }

    /// Both models give the same on random inputs.
    static void assertSame(Model before, Model after) {
        SimplifyCheck.Verdict verdict = SimplifyCheck.compare(
                before,
                after,
                new TestExecutor(),
                SimplifyCheck.inputs(before, new Random(11)),
                // One or two float roundings moved: 1e-5 of the output's magnitude is a hundred of them.
                new SimplifyCheck.Tolerance(1e-5, 1e-6));
        assertTrue(verdict.within(), verdict::toString);
    }
}
