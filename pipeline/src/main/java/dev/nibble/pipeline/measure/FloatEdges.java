package dev.nibble.pipeline.measure;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// A quantized model that takes and gives integers, with the conversion from and to float added at its edges, by its
/// own scales and zero points. What it computes in between is untouched, so that it can be fed the same samples as the
/// float model and compared with it.
public final class FloatEdges {
    private FloatEdges() {}

    /// `model` with float in place of every integer input that only DequantizeLinear reads, and of every output that
    /// QuantizeLinear makes; the same model where there is none. Names of inputs and outputs stay.
    public static Model around(Model model) {
        Graph graph = model.graph();
        Map<String, Node> inputs = new HashMap<>();
        for (ValueInfo input : graph.feeds()) {
            List<Node> readers = graph.consumers(input.name());
            if (!readers.isEmpty()
                    && !graph.isOutput(input.name())
                    && readers.stream()
                            .allMatch(node ->
                                    node.is("DequantizeLinear") && node.input(0).equals(input.name()))) {
                inputs.put(input.name(), readers.getFirst());
            }
        }
        Map<String, Node> outputs = new HashMap<>();
        for (ValueInfo output : graph.outputs()) {
            graph.producer(output.name())
                    .filter(node -> node.is("QuantizeLinear"))
                    .ifPresent(node -> outputs.put(output.name(), node));
        }
        if (inputs.isEmpty() && outputs.isEmpty()) {
            return model;
        }
        return model.withGraph(graph.edit(edit -> {
            Map<String, String> inner = new HashMap<>();
            inputs.keySet().forEach(name -> inner.put(name, edit.freshName(name + "_codes")));
            outputs.keySet().forEach(name -> inner.put(name, edit.freshName(name + "_codes")));
            List<Node> nodes = new ArrayList<>();
            inputs.forEach((name, reader) ->
                    nodes.add(convert("QuantizeLinear", reader, name, inner.getOrDefault(name, name))));
            for (Node node : graph.nodes()) {
                Node renamed =
                        node.withInputs(renamed(node.inputs(), inner)).withOutputs(renamed(node.outputs(), inner));
                if (!renamed.equals(node)) {
                    edit.remove(node);
                    nodes.add(renamed);
                }
            }
            outputs.forEach((name, maker) ->
                    nodes.add(convert("DequantizeLinear", maker, inner.getOrDefault(name, name), name)));
            nodes.forEach(edit::add);
            edit.setInputs(graph.inputs().stream()
                    .map(value -> inputs.containsKey(value.name()) ? floats(value) : value)
                    .toList());
            edit.setOutputs(graph.outputs().stream()
                    .map(value -> outputs.containsKey(value.name()) ? floats(value) : value)
                    .toList());
        }));
    }

    /// `op` with the scale, zero point and attributes of `like`.
    private static Node convert(String op, Node like, String from, String to) {
        List<String> operands = new ArrayList<>(like.inputs());
        operands.set(0, from);
        return new Node("", op, "", operands, List.of(to), like.attributes(), like.carried());
    }

    private static List<String> renamed(List<String> names, Map<String, String> inner) {
        return names.stream().map(name -> inner.getOrDefault(name, name)).toList();
    }

    private static ValueInfo floats(ValueInfo value) {
        return value.tensorType()
                .map(type -> value.withType(new ValueType.TensorType(DataType.FLOAT.code(), type.dims(), null)))
                .orElse(value);
    }
}
