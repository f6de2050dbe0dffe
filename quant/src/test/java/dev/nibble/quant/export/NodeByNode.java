package dev.nibble.quant.export;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Quantization;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The float twin run one node at a time with fake quantization by [Encoding], the specification: what an
/// exported file must give. Inside a supergroup nothing is quantized, unless the plan says that QDQ needs it.
final class NodeByNode {
    private NodeByNode() {}

    static Map<String, Tensor> run(PlacementPlan plan, Quantization quantization, Map<String, Tensor> inputs) {
        Model twin = FloatTwin.of(plan, quantization);
        Map<String, Tensor> values = new HashMap<>();
        inputs.forEach((name, value) -> values.put(name, quantized(plan, quantization, name, value)));
        twin.graph().initializers().forEach(i -> values.put(i.name(), i.tensor()));
        for (Node node : twin.graph().nodes()) {
            List<ValueInfo> feeds = new ArrayList<>();
            Map<String, Tensor> fed = new HashMap<>();
            List<Initializer> constants = new ArrayList<>();
            for (int i = 0; i < node.inputs().size(); i++) {
                String input = node.input(i);
                Tensor value = values.get(input);
                if (value == null) {
                    continue;
                }
                value = converted(plan, quantization, node, i, value);
                if (value.type() == DataType.FLOAT
                        && twin.graph().initializer(input).isEmpty()) {
                    feeds.add(new ValueInfo(input, ValueType.TensorType.of(DataType.FLOAT, value.shape())));
                    fed.put(input, value);
                } else {
                    constants.add(Initializer.of(input, value));
                }
            }
            List<ValueInfo> outputs = node.outputs().stream()
                    .map(o -> new ValueInfo(o, new ValueType.TensorType(1, null, null)))
                    .toList();
            Model one = twin.withGraph(Graph.of("one", List.of(node), constants, feeds, outputs));
            try (OrtRun run = OrtRun.open(one, node.outputs(), false)) {
                run.run(fed).forEach((name, value) -> values.put(name, quantized(plan, quantization, name, value)));
            }
        }
        return values;
    }

    private static Tensor quantized(PlacementPlan plan, Quantization quantization, String name, Tensor value) {
        boolean inner = plan.activation(name)
                .map(a -> !a.inEncodings() && !a.observed())
                .orElse(true);
        Encoding encoding = quantization.activations().get(name);
        return inner || encoding == null ? value : fake(encoding, value);
    }

    private static Tensor converted(PlacementPlan plan, Quantization quantization, Node node, int input, Tensor value) {
        for (PlacementPlan.Conversion conversion : plan.conversions()) {
            if (conversion.node().equals(node.output(0)) && conversion.input() == input) {
                Encoding encoding = quantization.conversions().get(Quantization.edge(conversion));
                return fake(java.util.Objects.requireNonNull(encoding), value);
            }
        }
        return value;
    }

    private static Tensor fake(Encoding encoding, Tensor value) {
        float[] floats = value.toFloats();
        for (int i = 0; i < floats.length; i++) {
            floats[i] = encoding.fakeQuantize(floats[i]);
        }
        return Tensor.of(value.shape(), floats);
    }
}
