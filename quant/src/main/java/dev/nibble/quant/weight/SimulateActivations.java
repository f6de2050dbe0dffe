package dev.nibble.quant.weight;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.GraphEdit;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.Encoding;
import dev.nibble.quant.Granularity;
import dev.nibble.quant.IntegerGrid;
import dev.nibble.quant.QuantizedTensor;
import dev.nibble.quant.TensorEncoding;
import dev.nibble.quant.place.PlacementPlan;
import dev.nibble.quant.place.Quantization;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A plan's float model in which every quantized activation is rounded to its grid, while weights stay floats: what
/// layers read once their predecessors are quantized.
///
/// @param model the float model with QuantizeLinear and DequantizeLinear behind each quantized value
/// @param seen by value, the name under which its consumers read it
public record SimulateActivations(Model model, Map<String, String> seen) {
    public SimulateActivations {
        seen = Map.copyOf(seen);
    }

    /// The simulation of `plan` under the activations' encodings of `quantization`.
    public static SimulateActivations of(PlacementPlan plan, Quantization quantization) {
        Map<String, String> seen = new LinkedHashMap<>();
        Graph graph = plan.model().graph();
        Graph simulated = graph.edit(edit -> {
            quantization.activations().forEach((value, encoding) -> {
                if (graph.constant(value).isPresent()
                        || !graph.isInput(value) && graph.producer(value).isEmpty()) {
                    return;
                }
                String rounded = edit.freshName(value + "/rounded");
                edit.replaceUses(value, rounded);
                add(edit, value, rounded, encoding);
                seen.put(value, rounded);
            });
            convert(edit, plan, quantization, seen);
        });
        return new SimulateActivations(plan.model().withGraph(simulated), seen);
    }

    private static void convert(
            GraphEdit edit, PlacementPlan plan, Quantization quantization, Map<String, String> seen) {
        for (PlacementPlan.Conversion conversion : plan.conversions()) {
            Encoding encoding = quantization.conversions().get(Quantization.edge(conversion));
            String from = seen.get(conversion.value());
            if (encoding == null || from == null) {
                continue;
            }
            String converted = edit.freshName(conversion.value() + "/converted");
            add(edit, from, converted, encoding);
            for (Node node : edit.nodes()) {
                if (node.output(0).equals(conversion.node())
                        && node.input(conversion.input()).equals(from)) {
                    edit.replace(node, node.withInput(conversion.input(), converted));
                }
            }
        }
    }

    /// The value that `node` of the plan's model reads at input 0, in [#model].
    public String inputOf(Node node) {
        return model.graph().producer(node.output(0)).orElseThrow().input(0);
    }

    private static void add(GraphEdit edit, String from, String to, Encoding encoding) {
        String codes = edit.freshName(to + "/codes");
        String scale = edit.freshName(to + "/scale");
        String zero = edit.freshName(to + "/zero");
        edit.put(Initializer.of(scale, Tensor.of(Shape.SCALAR, encoding.scale())));
        IntegerGrid grid = encoding.grid();
        TensorEncoding.Affine plain =
                new TensorEncoding.Affine(grid, Granularity.PER_TENSOR, new float[] {1}, new int[] {0});
        edit.put(Initializer.of(
                zero,
                QuantizedTensor.of(Shape.SCALAR, new int[] {encoding.zeroPoint()}, plain)
                        .codes()));
        edit.add(
                Node.of(codes, "QuantizeLinear", List.of(from, scale, zero), List.of(codes)),
                Node.of(to, "DequantizeLinear", List.of(codes, scale, zero), List.of(to)));
    }

    /// By name, the type of each value of [#model] that holds 8-bit codes of an activation.
    public Map<String, DataType> byteCodes() {
        Map<String, DataType> codes = new HashMap<>();
        for (Node node : model.graph().nodes()) {
            if (node.is("QuantizeLinear")) {
                DataType type = model.graph().type(node.input(2)).orElseThrow();
                if (type == DataType.UINT8 || type == DataType.INT8) {
                    codes.put(node.output(0), type);
                }
            }
        }
        return codes;
    }
}
