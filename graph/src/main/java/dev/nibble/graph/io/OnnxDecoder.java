package dev.nibble.graph.io;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Carried;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.io.WireReader.WireException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// ONNX's messages from their encoded form
/// ([onnx.proto](https://github.com/onnx/onnx/blob/main/onnx/onnx.proto)).
final class OnnxDecoder {
    private final TensorDecoder tensors;

    OnnxDecoder(ExternalData external) {
        this.tensors = new TensorDecoder(external);
    }

    Model model(WireReader wire) {
        List<MemorySegment> carried = new ArrayList<>();
        List<Model.Function> functions = new ArrayList<>();
        SortedMap<String, Long> opsets = new TreeMap<>();
        long irVersion = 0;
        String producerName = "";
        String producerVersion = "";
        Graph graph = null;
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> irVersion = wire.varint();
                case 2 -> producerName = text(wire, carried);
                case 3 -> producerVersion = text(wire, carried);
                case 7 -> graph = graph(wire.message());
                case 8 -> opset(wire, opsets, carried);
                case 25 -> functions.add(function(wire.message()));
                default -> carried.add(wire.whole());
            }
        }
        if (graph == null) {
            throw new WireException("there is no graph in it");
        }
        return new Model(irVersion, producerName, producerVersion, opsets, graph, functions, new Carried(carried));
    }

    /// An import that says more than a domain and a version is carried as well; [OnnxEncoder] writes that form
    /// as long as the version is still the same.
    private static void opset(WireReader parent, SortedMap<String, Long> opsets, List<MemorySegment> carried) {
        WireReader wire = parent.message();
        String domain = "";
        long version = 0;
        boolean saysMore = false;
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> domain = wire.string();
                case 2 -> version = wire.varint();
                default -> saysMore = true;
            }
        }
        opsets.put(domain, version);
        if (saysMore) {
            carried.add(parent.whole());
        }
    }

    private Model.Function function(WireReader wire) {
        List<MemorySegment> carried = new ArrayList<>();
        List<String> inputs = new ArrayList<>();
        List<String> outputs = new ArrayList<>();
        List<Node> nodes = new ArrayList<>();
        SortedMap<String, Long> opsets = new TreeMap<>();
        String name = "";
        String domain = "";
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> name = text(wire, carried);
                case 4 -> inputs.add(wire.string());
                case 5 -> outputs.add(wire.string());
                case 7 -> nodes.add(node(wire.message()));
                case 9 -> opset(wire, opsets, carried);
                case 10 -> domain = text(wire, carried);
                default -> carried.add(wire.whole());
            }
        }
        return new Model.Function(name, domain, inputs, outputs, nodes, opsets, new Carried(carried));
    }

    Graph graph(WireReader wire) {
        List<MemorySegment> carried = new ArrayList<>();
        List<Node> nodes = new ArrayList<>();
        List<Initializer> initializers = new ArrayList<>();
        List<Graph.SparseInitializer> sparse = new ArrayList<>();
        List<ValueInfo> inputs = new ArrayList<>();
        List<ValueInfo> outputs = new ArrayList<>();
        List<ValueInfo> valueInfos = new ArrayList<>();
        String name = "";
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> nodes.add(node(wire.message()));
                case 2 -> name = text(wire, carried);
                case 5 -> initializers.add(tensors.tensor(wire.message()));
                case 11 -> inputs.add(TypeDecoder.valueInfo(wire.message()));
                case 12 -> outputs.add(TypeDecoder.valueInfo(wire.message()));
                case 13 -> valueInfos.add(TypeDecoder.valueInfo(wire.message()));
                case 15 -> sparse.add(new Graph.SparseInitializer(sparseName(wire.message()), wire.bytes()));
                default -> carried.add(wire.whole());
            }
        }
        return new Graph(name, nodes, initializers, sparse, inputs, outputs, valueInfos, new Carried(carried));
    }

    private static String sparseName(WireReader wire) {
        String name = "";
        while (wire.next()) {
            if (wire.field() == 1) {
                WireReader values = wire.message();
                while (values.next()) {
                    if (values.field() == 8) {
                        name = values.string();
                    }
                }
            }
        }
        return name;
    }

    private Node node(WireReader wire) {
        List<MemorySegment> carried = new ArrayList<>();
        List<String> inputs = new ArrayList<>();
        List<String> outputs = new ArrayList<>();
        List<Attribute> attributes = new ArrayList<>();
        String name = "";
        String opType = "";
        String domain = "";
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> inputs.add(wire.string());
                case 2 -> outputs.add(wire.string());
                case 3 -> name = text(wire, carried);
                case 4 -> opType = text(wire, carried);
                case 5 -> attributes.add(attribute(wire));
                case 7 -> domain = text(wire, carried);
                default -> carried.add(wire.whole());
            }
        }
        return new Node(name, opType, domain, inputs, outputs, attributes, new Carried(carried));
    }

    private Attribute attribute(WireReader parent) {
        WireReader wire = parent.message();
        List<MemorySegment> carried = new ArrayList<>();
        String name = "";
        String reference = "";
        int type = 0;
        float f = 0;
        long i = 0;
        MemorySegment s = MemorySegment.NULL;
        Initializer t = null;
        Graph g = null;
        List<Float> floats = new ArrayList<>();
        List<Long> ints = new ArrayList<>();
        List<MemorySegment> strings = new ArrayList<>();
        List<Initializer> several = new ArrayList<>();
        List<Graph> graphs = new ArrayList<>();
        int implied = 0;
        boolean odd = false;
        while (wire.next()) {
            int is = 0;
            switch (wire.field()) {
                case 1 -> name = text(wire, carried);
                case 2 -> {
                    f = wire.fixedFloat();
                    is = 1;
                }
                case 3 -> {
                    i = wire.varint();
                    is = 2;
                }
                case 4 -> {
                    s = wire.bytes();
                    is = 3;
                }
                case 5 -> {
                    t = tensors.tensor(wire.message());
                    is = 4;
                }
                case 6 -> {
                    g = graph(wire.message());
                    is = 5;
                }
                case 7 -> {
                    wire.floats(floats::add);
                    is = 6;
                }
                case 8 -> {
                    wire.varints(ints::add);
                    is = 7;
                }
                case 9 -> {
                    strings.add(wire.bytes());
                    is = 8;
                }
                case 10 -> {
                    several.add(tensors.tensor(wire.message()));
                    is = 9;
                }
                case 11 -> {
                    graphs.add(graph(wire.message()));
                    is = 10;
                }
                case 20 -> type = (int) wire.varint();
                case 21 -> reference = text(wire, carried);
                // Sparse tensors and types.
                case 14, 15, 22, 23 -> odd = true;
                default -> carried.add(wire.whole());
            }
            odd |= is != 0 && implied != 0 && is != implied;
            implied = is == 0 ? implied : is;
        }
        odd |= type != 0 && implied != 0 && type != implied;
        // A file older than IR version 2 leaves the type out; the field that is there tells it.
        int kind = type == 0 ? implied : type;
        Attribute.Value value;
        if (odd || !reference.isEmpty() && implied != 0) {
            return new Attribute(name, new Attribute.Value.CarriedValue(parent.bytes()));
        } else if (!reference.isEmpty()) {
            value = new Attribute.Value.Reference(reference, type);
        } else {
            value = switch (kind) {
                case 1 -> new Attribute.Value.OfFloat(f);
                case 2 -> new Attribute.Value.OfInt(i);
                case 3 -> new Attribute.Value.OfString(s);
                case 4 -> t == null ? null : new Attribute.Value.OfTensor(t);
                case 5 -> g == null ? null : new Attribute.Value.OfGraph(g);
                case 6 -> new Attribute.Value.OfFloats(List.copyOf(floats));
                case 7 -> new Attribute.Value.OfInts(List.copyOf(ints));
                case 8 -> new Attribute.Value.OfStrings(List.copyOf(strings));
                case 9 -> new Attribute.Value.OfTensors(List.copyOf(several));
                case 10 -> new Attribute.Value.OfGraphs(List.copyOf(graphs));
                default -> null;
            };
        }
        return value == null
                ? new Attribute(name, new Attribute.Value.CarriedValue(parent.bytes()))
                : new Attribute(name, value, new Carried(carried));
    }

    /// A text field; one that is written as empty is carried, so that it is written again.
    static String text(WireReader wire, List<MemorySegment> carried) {
        String value = wire.string();
        if (value.isEmpty()) {
            carried.add(wire.whole());
        }
        return value;
    }
}
