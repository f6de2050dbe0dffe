package dev.nibble.graph;

import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// A model: a graph, the operator sets it is written in, and what its producer said about it.
///
/// @param irVersion the version of ONNX's file format
/// @param producerName empty where the file does not say
/// @param opsets version by domain; ONNX's own domain is the empty name
/// @param functions model-local functions
public record Model(
        long irVersion,
        String producerName,
        String producerVersion,
        SortedMap<String, Long> opsets,
        Graph graph,
        List<Function> functions,
        Carried carried) {
    public Model {
        opsets = java.util.Collections.unmodifiableSortedMap(new TreeMap<>(opsets));
        functions = List.copyOf(functions);
    }

    /// A model made by Nibble.
    public static Model of(long irVersion, long opset, Graph graph) {
        return new Model(irVersion, "nibble", "", new TreeMap<>(Map.of("", opset)), graph, List.of(), Carried.NONE);
    }

    /// The version of ONNX's own operator set; 0 where the model imports none.
    public long opset() {
        return opsets.getOrDefault("", opsets.getOrDefault("ai.onnx", 0L));
    }

    public Model withGraph(Graph other) {
        return new Model(irVersion, producerName, producerVersion, opsets, other, functions, carried);
    }

    /// This model under another version of ONNX's own operator set; the nodes stay as they are.
    public Model withOpset(long opset) {
        SortedMap<String, Long> changed = new TreeMap<>(opsets);
        changed.remove("ai.onnx");
        changed.put("", opset);
        return new Model(irVersion, producerName, producerVersion, changed, graph, functions, carried);
    }

    public Model withIrVersion(long other) {
        return new Model(other, producerName, producerVersion, opsets, graph, functions, carried);
    }

    public Model withProducer(String name, String version) {
        return new Model(irVersion, name, version, opsets, graph, functions, carried);
    }

    /// A function defined in the model (`FunctionProto`).
    public record Function(
            String name,
            String domain,
            List<String> inputs,
            List<String> outputs,
            List<Node> nodes,
            SortedMap<String, Long> opsets,
            Carried carried) {
        public Function {
            inputs = List.copyOf(inputs);
            outputs = List.copyOf(outputs);
            nodes = List.copyOf(nodes);
            opsets = java.util.Collections.unmodifiableSortedMap(new TreeMap<>(opsets));
        }
    }
}
