package dev.nibble.graph;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/// One operation of a graph. Operator types stay strings: ONNX owns them.
///
/// @param name may be empty; [#label] is what a person is shown
/// @param domain empty for ONNX's own operators
/// @param inputs value names; an empty name is an optional input that is left out
/// @param outputs value names; an empty name is an output that nobody wants
public record Node(
        String name,
        String opType,
        String domain,
        List<String> inputs,
        List<String> outputs,
        List<Attribute> attributes,
        Carried carried) {
    public Node {
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        attributes = List.copyOf(attributes);
    }

    /// A node of ONNX's own domain.
    public static Node of(
            String name, String opType, List<String> inputs, List<String> outputs, Attribute... attributes) {
        return new Node(name, opType, "", inputs, outputs, List.of(attributes), Carried.NONE);
    }

    /// Whether this is ONNX's own operator `op`.
    public boolean is(String op) {
        return opType.equals(op) && isStandard();
    }

    /// Whether this is one of ONNX's own operators `ops`.
    public boolean isAny(String... ops) {
        for (String op : ops) {
            if (is(op)) {
                return true;
            }
        }
        return false;
    }

    /// Whether the operator belongs to ONNX's default domain.
    public boolean isStandard() {
        return domain.isEmpty() || domain.equals("ai.onnx");
    }

    /// Input `index`, or empty where it is left out.
    public String input(int index) {
        return index < inputs.size() ? inputs.get(index) : "";
    }

    public boolean hasInput(int index) {
        return !input(index).isEmpty();
    }

    /// Output `index`, or empty where it is left out.
    public String output(int index) {
        return index < outputs.size() ? outputs.get(index) : "";
    }

    /// What a person is shown: the name, or the first output where the node has none.
    public String label() {
        if (!name.isEmpty()) {
            return name;
        }
        return outputs.stream().filter(o -> !o.isEmpty()).findFirst().orElse(opType);
    }

    public Optional<Attribute> attribute(String key) {
        return attributes.stream().filter(a -> a.name().equals(key)).findFirst();
    }

    public long intAttribute(String key, long otherwise) {
        return attribute(key)
                .map(Attribute::value)
                .map(v -> v instanceof Attribute.Value.OfInt(long i) ? i : null)
                .orElse(otherwise);
    }

    public float floatAttribute(String key, float otherwise) {
        return attribute(key)
                .map(Attribute::value)
                .map(v -> v instanceof Attribute.Value.OfFloat(float f) ? f : null)
                .orElse(otherwise);
    }

    public String stringAttribute(String key, String otherwise) {
        return attribute(key)
                .map(Attribute::value)
                .map(v -> v instanceof Attribute.Value.OfString s ? s.text() : null)
                .orElse(otherwise);
    }

    /// The whole numbers of attribute `key`; empty where it is absent.
    public long[] intsAttribute(String key) {
        Attribute.Value value = attribute(key).map(Attribute::value).orElse(null);
        return value instanceof Attribute.Value.OfInts(List<Long> values)
                ? values.stream().mapToLong(Long::longValue).toArray()
                : new long[0];
    }

    /// The graphs inside this node's attributes (If, Loop, Scan).
    public List<Graph> subgraphs() {
        List<Graph> graphs = null;
        for (Attribute attribute : attributes) {
            List<Graph> inside = attribute.graphs();
            if (!inside.isEmpty()) {
                graphs = graphs == null ? new ArrayList<>() : graphs;
                graphs.addAll(inside);
            }
        }
        return graphs == null ? List.of() : graphs;
    }

    public Node withName(String other) {
        return new Node(other, opType, domain, inputs, outputs, attributes, carried);
    }

    public Node withInputs(List<String> other) {
        return new Node(name, opType, domain, other, outputs, attributes, carried);
    }

    public Node withInput(int index, String value) {
        List<String> changed = new ArrayList<>(inputs);
        while (changed.size() <= index) {
            changed.add("");
        }
        changed.set(index, value);
        return withInputs(changed);
    }

    public Node withOutputs(List<String> other) {
        return new Node(name, opType, domain, inputs, other, attributes, carried);
    }

    public Node withAttributes(List<Attribute> other) {
        return new Node(name, opType, domain, inputs, outputs, other, carried);
    }

    /// This node with `attribute` put in, in place of one of the same name.
    public Node withAttribute(Attribute attribute) {
        List<Attribute> changed = new ArrayList<>(attributes);
        changed.removeIf(a -> a.name().equals(attribute.name()));
        changed.add(attribute);
        return withAttributes(changed);
    }

    public Node withoutAttribute(String key) {
        return withAttributes(
                attributes.stream().filter(a -> !a.name().equals(key)).toList());
    }

    /// This node with each graph inside its attributes changed.
    public Node mapSubgraphs(UnaryOperator<Graph> change) {
        List<Attribute> changed = new ArrayList<>();
        for (Attribute attribute : attributes) {
            changed.add(
                    switch (attribute.value()) {
                        case Attribute.Value.OfGraph(Graph graph) ->
                            new Attribute(
                                    attribute.name(),
                                    new Attribute.Value.OfGraph(change.apply(graph)),
                                    attribute.carried());
                        case Attribute.Value.OfGraphs(List<Graph> graphs) ->
                            new Attribute(
                                    attribute.name(),
                                    new Attribute.Value.OfGraphs(
                                            graphs.stream().map(change).toList()),
                                    attribute.carried());
                        default -> attribute;
                    });
        }
        return withAttributes(changed);
    }

    /// `node 'conv_12' (Conv)`, as messages name it.
    @Override
    public String toString() {
        return "node '" + label() + "' (" + opType + ")";
    }
}
