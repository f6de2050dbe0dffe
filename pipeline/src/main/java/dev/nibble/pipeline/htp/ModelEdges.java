package dev.nibble.pipeline.htp;

import dev.nibble.graph.Graph;
import dev.nibble.graph.GraphEdit;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What a compiled model takes and gives: floats, or the codes behind the quantizers at its edges.
final class ModelEdges {
    private ModelEdges() {}

    /// `model` without the QuantizeLinear at its inputs and the DequantizeLinear at its outputs, so that it takes and
    /// gives codes. Names of inputs and outputs stay. An edge that has no quantizer of its own stays as it is.
    ///
    /// @throws NibbleException where no edge has one
    static Model codes(Model model) {
        Graph graph = model.graph();
        Map<String, Node> inputs = new HashMap<>();
        for (ValueInfo input : graph.feeds()) {
            List<Node> readers = graph.consumers(input.name());
            if (readers.size() == 1
                    && readers.getFirst().is("QuantizeLinear")
                    && readers.getFirst().input(0).equals(input.name())
                    && !graph.isOutput(input.name())
                    && !graph.isOutput(readers.getFirst().output(0))) {
                inputs.put(input.name(), readers.getFirst());
            }
        }
        Map<String, Node> outputs = new HashMap<>();
        for (ValueInfo output : graph.outputs()) {
            graph.producer(output.name())
                    .filter(node -> node.is("DequantizeLinear")
                            && graph.consumers(output.name()).isEmpty()
                            && graph.producer(node.input(0)).isPresent()
                            && !graph.isOutput(node.input(0)))
                    .ifPresent(node -> outputs.put(output.name(), node));
        }
        if (inputs.isEmpty() && outputs.isEmpty()) {
            throw new NibbleException(
                    "model '%s' has no quantizer at an input or output, so it has no codes to take or give"
                            .formatted(graph.name()),
                    "leave out --io, or quantize the model first: nibble quantize");
        }
        return model.withGraph(graph.edit(edit -> strip(graph, edit, inputs, outputs)));
    }

    private static void strip(Graph graph, GraphEdit edit, Map<String, Node> inputs, Map<String, Node> outputs) {
        Map<String, String> names = new HashMap<>();
        inputs.forEach((name, quantizer) -> names.put(quantizer.output(0), name));
        outputs.forEach((name, dequantizer) -> names.putIfAbsent(dequantizer.input(0), name));
        List<Node> renamed = new ArrayList<>();
        for (Node node : graph.nodes()) {
            if (inputs.containsValue(node) || outputs.containsValue(node)) {
                edit.remove(node);
                continue;
            }
            Node changed = node.withInputs(renamed(node.inputs(), names)).withOutputs(renamed(node.outputs(), names));
            if (!changed.equals(node)) {
                edit.remove(node);
                renamed.add(changed);
            }
        }
        renamed.forEach(edit::add);
        edit.setInputs(graph.inputs().stream()
                .map(value -> coded(graph, value, inputs.get(value.name())))
                .toList());
        edit.setOutputs(graph.outputs().stream()
                .map(value -> coded(graph, value, outputs.get(value.name())))
                .toList());
    }

    private static List<String> renamed(List<String> values, Map<String, String> names) {
        return values.stream().map(name -> names.getOrDefault(name, name)).toList();
    }

    /// `value` in the type of its quantizer's zero point; as it is where it has no quantizer.
    private static ValueInfo coded(Graph graph, ValueInfo value, @org.jspecify.annotations.Nullable Node quantizer) {
        if (quantizer == null) {
            return value;
        }
        String codes = quantizer.is("QuantizeLinear") ? quantizer.output(0) : quantizer.input(0);
        return value.tensorType()
                .flatMap(type -> graph.type(codes)
                        .map(code -> value.withType(new ValueType.TensorType(code.code(), type.dims(), null))))
                .orElseThrow(() -> new NibbleException(
                        "the type of '%s' is not known".formatted(codes),
                        "nibble simplify --passes none writes the types of all values"));
    }

    /// The values as the manifest lists them. Scales are of the quantizers in `quantized`, which may have been taken out
    /// of `compiled`.
    static List<CompileDocument.Edge> list(Graph compiled, Graph quantized, List<ValueInfo> values) {
        List<CompileDocument.Edge> edges = new ArrayList<>();
        for (ValueInfo value : values) {
            Optional<Node> quantizer = quantizer(compiled, value.name()).or(() -> quantizer(quantized, value.name()));
            edges.add(new CompileDocument.Edge(
                    value.name(),
                    compiled.type(value.name()).map(type -> type.onnxName()).orElse("unknown"),
                    compiled.shape(value.name()).map(Object::toString).orElse("unknown"),
                    number(quantized, quantizer, 1)
                            .map(tensor -> (double) tensor.floatAt(0))
                            .orElse(null),
                    number(quantized, quantizer, 2)
                            .map(tensor -> tensor.longAt(0))
                            .orElse(null)));
        }
        return edges;
    }

    private static Optional<Node> quantizer(Graph graph, String value) {
        for (Node reader : graph.consumers(value)) {
            if (graph.isInput(value) && (reader.is("QuantizeLinear") || reader.is("DequantizeLinear"))) {
                return Optional.of(reader);
            }
        }
        return graph.producer(value).filter(node -> node.is("DequantizeLinear") || node.is("QuantizeLinear"));
    }

    private static Optional<Tensor> number(Graph graph, Optional<Node> quantizer, int input) {
        return quantizer
                .filter(node -> node.hasInput(input))
                .flatMap(node -> graph.initializer(node.input(input)))
                .map(Initializer::tensor)
                .filter(tensor -> tensor.elements() == 1);
    }
}
