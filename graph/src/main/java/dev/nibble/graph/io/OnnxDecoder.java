package dev.nibble.graph.io;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Carried;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.WireReader.WireException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// ONNX's messages from their encoded form
/// ([onnx.proto](https://github.com/onnx/onnx/blob/main/onnx/onnx.proto)).
final class OnnxDecoder {
    private final ExternalData external;

    OnnxDecoder(ExternalData external) {
        this.external = external;
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
                case 5 -> initializers.add(tensor(wire.message()));
                case 11 -> inputs.add(valueInfo(wire.message()));
                case 12 -> outputs.add(valueInfo(wire.message()));
                case 13 -> valueInfos.add(valueInfo(wire.message()));
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
        List<Initializer> tensors = new ArrayList<>();
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
                    t = tensor(wire.message());
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
                    tensors.add(tensor(wire.message()));
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
                case 9 -> new Attribute.Value.OfTensors(List.copyOf(tensors));
                case 10 -> new Attribute.Value.OfGraphs(List.copyOf(graphs));
                default -> null;
            };
        }
        return value == null
                ? new Attribute(name, new Attribute.Value.CarriedValue(parent.bytes()))
                : new Attribute(name, value, new Carried(carried));
    }

    Initializer tensor(WireReader wire) {
        List<MemorySegment> carried = new ArrayList<>();
        List<Long> dims = new ArrayList<>();
        List<MemorySegment> strings = new ArrayList<>();
        Map<Integer, List<MemorySegment>> typed = new HashMap<>();
        Map<String, String> entries = new HashMap<>();
        List<MemorySegment> encodedEntries = new ArrayList<>();
        MemorySegment raw = null;
        String name = "";
        int type = 0;
        long location = 0;
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> wire.varints(dims::add);
                case 2 -> type = (int) wire.varint();
                case 4, 5, 7, 10, 11 ->
                    typed.computeIfAbsent(wire.field(), field -> new ArrayList<>())
                            .add(packed(wire));
                case 6 -> strings.add(wire.bytes());
                case 8 -> name = text(wire, carried);
                case 9 -> raw = wire.bytes();
                case 13 -> {
                    entry(wire.message(), entries);
                    encodedEntries.add(wire.whole());
                }
                case 14 -> {
                    location = wire.varint();
                    if (location != 1) {
                        carried.add(wire.whole());
                    }
                }
                default -> carried.add(wire.whole());
            }
        }
        Shape shape = shape(name, dims);
        Initializer.Storage storage;
        if (location == 1) {
            long expected =
                    DataType.ofCode(type).map(t -> t.bytes(shape.elements())).orElse(-1L);
            storage = external.resolve(name, entries, expected);
            if (storage instanceof Initializer.Storage.External(String file, long from, long length, var none)
                    && none == null) {
                // The data are not here: the reference goes on as it is, with whatever else it says.
                carried.addAll(encodedEntries);
            }
        } else if (raw != null) {
            storage = new Initializer.Storage.Raw(raw);
        } else if (!typed.isEmpty()) {
            if (typed.size() > 1) {
                throw new WireException("tensor '" + name + "' stores its elements twice");
            }
            Map.Entry<Integer, List<MemorySegment>> only =
                    typed.entrySet().iterator().next();
            storage = new Initializer.Storage.Typed(only.getKey(), joined(only.getValue()));
        } else if (!strings.isEmpty()) {
            storage = new Initializer.Storage.Strings(List.copyOf(strings));
        } else {
            storage = new Initializer.Storage.Absent();
        }
        return new Initializer(name, type, shape, storage, new Carried(carried));
    }

    private static Shape shape(String tensor, List<Long> dims) {
        try {
            return Shape.of(dims);
        } catch (IllegalArgumentException e) {
            throw new WireException("tensor '" + tensor + "': " + e.getMessage());
        }
    }

    /// A repeated number's payload: all of it where it is packed, else the one value in packed form.
    private static MemorySegment packed(WireReader wire) {
        if (wire.wireType() == WireReader.LENGTH) {
            return wire.bytes();
        }
        MemorySegment whole = wire.whole();
        int tagBytes = wire.field() < 16 ? 1 : 2;
        return whole.asSlice(tagBytes);
    }

    private static MemorySegment joined(List<MemorySegment> parts) {
        if (parts.size() == 1) {
            return parts.getFirst();
        }
        long size = parts.stream().mapToLong(MemorySegment::byteSize).sum();
        MemorySegment all = Arena.ofAuto().allocate(Math.max(1, size));
        long at = 0;
        for (MemorySegment part : parts) {
            MemorySegment.copy(part, 0, all, at, part.byteSize());
            at += part.byteSize();
        }
        return all.asSlice(0, size).asReadOnly();
    }

    private static void entry(WireReader wire, Map<String, String> entries) {
        String key = "";
        String value = "";
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> key = wire.string();
                case 2 -> value = wire.string();
                default -> {}
            }
        }
        entries.put(key, value);
    }

    private static ValueInfo valueInfo(WireReader wire) {
        List<MemorySegment> carried = new ArrayList<>();
        String name = "";
        ValueType type = new ValueType.Unstated();
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> name = text(wire, carried);
                case 2 -> type = type(wire);
                default -> carried.add(wire.whole());
            }
        }
        return new ValueInfo(name, type, new Carried(carried));
    }

    private static ValueType type(WireReader parent) {
        WireReader wire = parent.message();
        ValueType type = null;
        boolean saysMore = false;
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> type = tensorType(wire.message(), parent.bytes());
                case 4 -> {
                    type = new ValueType.SequenceType(element(wire.message()), null);
                    saysMore |= !plain(wire.message());
                }
                case 9 -> {
                    type = new ValueType.OptionalType(element(wire.message()), null);
                    saysMore |= !plain(wire.message());
                }
                case 6 -> saysMore = true;
                default -> {
                    return new ValueType.CarriedType(parent.bytes());
                }
            }
        }
        MemorySegment encoded = saysMore ? parent.bytes() : null;
        return switch (type) {
            case null -> new ValueType.CarriedType(parent.bytes());
            case ValueType.TensorType(int element, List<Dim> dims, MemorySegment inner) ->
                new ValueType.TensorType(element, dims, encoded == null ? inner : encoded);
            case ValueType.SequenceType(ValueType element, MemorySegment inner) ->
                new ValueType.SequenceType(element, encoded);
            case ValueType.OptionalType(ValueType element, MemorySegment inner) ->
                new ValueType.OptionalType(element, encoded);
            case ValueType.CarriedType c -> c;
            case ValueType.Unstated u -> u;
        };
    }

    private static ValueType element(WireReader wire) {
        ValueType type = new ValueType.Unstated();
        while (wire.next()) {
            if (wire.field() == 1) {
                type = type(wire);
            }
        }
        return type;
    }

    /// Whether a sequence or optional type says nothing but its element type.
    private static boolean plain(WireReader wire) {
        boolean plain = true;
        while (wire.next()) {
            plain &= wire.field() == 1;
        }
        return plain;
    }

    private static ValueType.TensorType tensorType(WireReader wire, MemorySegment whole) {
        List<Dim> dims = null;
        int element = 0;
        boolean saysMore = false;
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> element = (int) wire.varint();
                case 2 -> {
                    dims = dims == null ? new ArrayList<>() : dims;
                    WireReader shape = wire.message();
                    while (shape.next()) {
                        if (shape.field() == 1) {
                            saysMore |= dim(shape.message(), dims);
                        } else {
                            saysMore = true;
                        }
                    }
                }
                default -> saysMore = true;
            }
        }
        return new ValueType.TensorType(element, dims, saysMore ? whole : null);
    }

    /// Adds a dimension to `dims`.
    ///
    /// @return whether the file says more of it than a [Dim] does
    private static boolean dim(WireReader wire, List<Dim> dims) {
        Dim dim = new Dim.Unknown();
        boolean saysMore = false;
        while (wire.next()) {
            switch (wire.field()) {
                case 1 -> {
                    long size = wire.varint();
                    // Exporters write −1 for "not known".
                    dim = size < 0 ? new Dim.Unknown() : new Dim.Known(size);
                    saysMore |= size < 0;
                }
                case 2 -> dim = new Dim.Symbol(wire.string());
                default -> saysMore = true;
            }
        }
        dims.add(dim);
        return saysMore;
    }

    /// A text field; one that is written as empty is carried, so that it is written again.
    private static String text(WireReader wire, List<MemorySegment> carried) {
        String value = wire.string();
        if (value.isEmpty()) {
            carried.add(wire.whole());
        }
        return value;
    }
}
