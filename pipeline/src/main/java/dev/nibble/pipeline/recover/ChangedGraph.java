package dev.nibble.pipeline.recover;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// How a run directory keeps what was done to a graph's channels: FLOAT constants that changed or are new, and operators
/// that others stand in place of.
final class ChangedGraph {
    private ChangedGraph() {}

    static void write(Graph before, Graph after, DataOutputStream out) throws IOException {
        List<Initializer> changed = after.initializers().stream()
                .filter(constant -> !before.initializer(constant.name()).equals(Optional.of(constant)))
                .toList();
        out.writeInt(changed.size());
        for (Initializer constant : changed) {
            out.writeUTF(constant.name());
            out.writeInt(constant.shape().rank());
            for (int i = 0; i < constant.shape().rank(); i++) {
                out.writeLong(constant.shape().dim(i));
            }
            for (float value : constant.tensor().toFloats()) {
                out.writeFloat(value);
            }
        }
        Map<String, List<Node>> replaced = replaced(before, after);
        out.writeInt(replaced.size());
        for (Map.Entry<String, List<Node>> entry : replaced.entrySet()) {
            out.writeUTF(entry.getKey());
            out.writeInt(entry.getValue().size());
            for (Node node : entry.getValue()) {
                write(node, out);
            }
        }
    }

    static Graph read(Graph before, DataInputStream in) throws IOException {
        List<Initializer> changed = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            String name = in.readUTF();
            long[] dims = new long[in.readInt()];
            for (int i = 0; i < dims.length; i++) {
                dims[i] = in.readLong();
            }
            Shape shape = Shape.of(dims);
            float[] values = new float[Math.toIntExact(shape.elements())];
            for (int i = 0; i < values.length; i++) {
                values[i] = in.readFloat();
            }
            changed.add(Initializer.of(name, Tensor.of(shape, values)));
        }
        Map<String, List<Node>> replaced = new LinkedHashMap<>();
        for (int left = in.readInt(); left > 0; left--) {
            String output = in.readUTF();
            List<Node> nodes = new ArrayList<>();
            for (int nodesLeft = in.readInt(); nodesLeft > 0; nodesLeft--) {
                nodes.add(node(in));
            }
            replaced.put(output, nodes);
        }
        if (changed.isEmpty() && replaced.isEmpty()) {
            return before;
        }
        return before.edit(edit -> {
            changed.forEach(edit::put);
            replaced.forEach(
                    (output, nodes) -> edit.replace(before.producer(output).orElseThrow(), nodes.toArray(Node[]::new)));
        });
    }

    /// By the output of each operator that is gone, those in its place: the run of new ones that ends with the one that
    /// makes it.
    private static Map<String, List<Node>> replaced(Graph before, Graph after) {
        Set<Node> old = new HashSet<>(before.nodes());
        Map<String, List<Node>> replaced = new LinkedHashMap<>();
        List<Node> run = new ArrayList<>();
        for (Node node : after.nodes()) {
            if (old.contains(node)) {
                continue;
            }
            run.add(node);
            if (before.producer(node.output(0)).isPresent()) {
                replaced.put(node.output(0), List.copyOf(run));
                run.clear();
            }
        }
        return replaced;
    }

    private static void write(Node node, DataOutputStream out) throws IOException {
        out.writeUTF(node.name());
        out.writeUTF(node.opType());
        write(node.inputs(), out);
        write(node.outputs(), out);
        out.writeInt(node.attributes().size());
        for (Attribute attribute : node.attributes()) {
            out.writeUTF(attribute.name());
            out.writeFloat(node.floatAttribute(attribute.name(), Float.NaN));
        }
    }

    private static Node node(DataInputStream in) throws IOException {
        String name = in.readUTF();
        String opType = in.readUTF();
        List<String> inputs = strings(in);
        List<String> outputs = strings(in);
        Attribute[] attributes = new Attribute[in.readInt()];
        for (int i = 0; i < attributes.length; i++) {
            attributes[i] = Attribute.of(in.readUTF(), in.readFloat());
        }
        return Node.of(name, opType, inputs, outputs, attributes);
    }

    private static void write(List<String> strings, DataOutputStream out) throws IOException {
        out.writeInt(strings.size());
        for (String string : strings) {
            out.writeUTF(string);
        }
    }

    private static List<String> strings(DataInputStream in) throws IOException {
        List<String> strings = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            strings.add(in.readUTF());
        }
        return strings;
    }
}
