package dev.nibble.graph.io;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Carried;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// ONNX's messages in their encoded form. Carried fields come first, so that a modelled field that was empty
/// in the file and is not any more wins.
final class OnnxEncoder {
    private final ExternalPlan plan;

    OnnxEncoder(ExternalPlan plan) {
        this.plan = plan;
    }

    WireWriter model(Model model) {
        WireWriter wire = new WireWriter();
        Map<String, Long> opsets = new TreeMap<>(model.opsets());
        wire.carried(withoutChangedImports(model.carried(), 8, opsets));
        wire.varint(1, model.irVersion());
        wire.text(2, model.producerName());
        wire.text(3, model.producerVersion());
        wire.message(7, graph(model.graph()));
        opsets.forEach((domain, version) -> wire.message(8, opset(domain, version)));
        model.functions().forEach(function -> wire.message(25, function(function)));
        return wire;
    }

    /// What is carried, less the operator set imports (in `field`) whose version has changed since; those that
    /// are left need not be written again and are taken out of `opsets`.
    private static Carried withoutChangedImports(Carried carried, int field, Map<String, Long> opsets) {
        List<MemorySegment> kept = new ArrayList<>();
        for (MemorySegment encoded : carried.fields()) {
            WireReader wire = new WireReader(encoded);
            if (wire.next() && wire.field() == field) {
                WireReader pair = wire.message();
                String domain = "";
                long version = 0;
                while (pair.next()) {
                    if (pair.field() == 1) {
                        domain = pair.string();
                    } else if (pair.field() == 2) {
                        version = pair.varint();
                    }
                }
                if (!opsets.remove(domain, version)) {
                    continue;
                }
            }
            kept.add(encoded);
        }
        return new Carried(kept);
    }

    private static WireWriter opset(String domain, long version) {
        WireWriter wire = new WireWriter();
        // Written even when empty, as exporters do.
        wire.string(1, domain);
        wire.varint(2, version);
        return wire;
    }

    private WireWriter function(Model.Function function) {
        WireWriter wire = new WireWriter();
        Map<String, Long> opsets = new TreeMap<>(function.opsets());
        wire.carried(withoutChangedImports(function.carried(), 9, opsets));
        wire.text(1, function.name());
        function.inputs().forEach(value -> wire.string(4, value));
        function.outputs().forEach(value -> wire.string(5, value));
        function.nodes().forEach(node -> wire.message(7, node(node)));
        opsets.forEach((domain, version) -> wire.message(9, opset(domain, version)));
        wire.text(10, function.domain());
        return wire;
    }

    WireWriter graph(Graph graph) {
        WireWriter wire = new WireWriter();
        wire.carried(graph.carried());
        graph.nodes().forEach(node -> wire.message(1, node(node)));
        wire.text(2, graph.name());
        graph.initializers().forEach(tensor -> wire.message(5, tensor(tensor)));
        graph.inputs().forEach(value -> wire.message(11, valueInfo(value)));
        graph.outputs().forEach(value -> wire.message(12, valueInfo(value)));
        graph.valueInfos().forEach(value -> wire.message(13, valueInfo(value)));
        graph.sparseInitializers().forEach(sparse -> wire.bytes(15, sparse.encoded()));
        return wire;
    }

    WireWriter node(Node node) {
        WireWriter wire = new WireWriter();
        wire.carried(node.carried());
        node.inputs().forEach(value -> wire.string(1, value));
        node.outputs().forEach(value -> wire.string(2, value));
        wire.text(3, node.name());
        wire.text(4, node.opType());
        node.attributes().forEach(attribute -> attribute(wire, attribute));
        wire.text(7, node.domain());
        return wire;
    }

    private void attribute(WireWriter parent, Attribute attribute) {
        WireWriter wire = new WireWriter();
        wire.carried(attribute.carried());
        wire.text(1, attribute.name());
        int type = switch (attribute.value()) {
            case Attribute.Value.OfFloat(float value) -> {
                wire.fixedFloat(2, value);
                yield 1;
            }
            case Attribute.Value.OfInt(long value) -> {
                wire.varint(3, value);
                yield 2;
            }
            case Attribute.Value.OfString(MemorySegment value) -> {
                wire.bytes(4, value);
                yield 3;
            }
            case Attribute.Value.OfTensor(Initializer value) -> {
                wire.message(5, tensor(value));
                yield 4;
            }
            case Attribute.Value.OfGraph(Graph value) -> {
                wire.message(6, graph(value));
                yield 5;
            }
            case Attribute.Value.OfFloats(List<Float> values) -> {
                values.forEach(value -> wire.fixedFloat(7, value));
                yield 6;
            }
            case Attribute.Value.OfInts(List<Long> values) -> {
                values.forEach(value -> wire.varint(8, value));
                yield 7;
            }
            case Attribute.Value.OfStrings(List<MemorySegment> values) -> {
                values.forEach(value -> wire.bytes(9, value));
                yield 8;
            }
            case Attribute.Value.OfTensors(List<Initializer> values) -> {
                values.forEach(value -> wire.message(10, tensor(value)));
                yield 9;
            }
            case Attribute.Value.OfGraphs(List<Graph> values) -> {
                values.forEach(value -> wire.message(11, graph(value)));
                yield 10;
            }
            case Attribute.Value.Reference(String of, int code) -> {
                wire.string(21, of);
                yield code;
            }
            case Attribute.Value.CarriedValue(MemorySegment encoded) -> {
                parent.bytes(5, encoded);
                yield -1;
            }
        };
        if (type >= 0) {
            wire.varint(20, type);
            parent.message(5, wire);
        }
    }

    WireWriter tensor(Initializer tensor) {
        WireWriter wire = new WireWriter();
        boolean refers = tensor.storage() instanceof Initializer.Storage.External e && e.data() == null;
        boolean asRead = refers && tensor.carried().fields().stream().anyMatch(OnnxEncoder::isExternalEntry);
        wire.carried(refers ? tensor.carried() : withoutExternalEntries(tensor.carried()));
        for (long dim : tensor.shape().dims()) {
            wire.varint(1, dim);
        }
        wire.varint(2, tensor.typeCode());
        wire.text(8, tensor.name());
        ExternalPlan.@Nullable Place place = plan.place(tensor);
        if (place != null) {
            for (Map.Entry<String, String> entry : place.entries().entrySet()) {
                entry(wire, entry.getKey(), entry.getValue());
            }
            wire.varint(14, 1);
            return wire;
        }
        switch (tensor.storage()) {
            case Initializer.Storage.Raw(MemorySegment data) -> wire.bytes(9, data);
            case Initializer.Storage.Typed(int field, MemorySegment packed) -> wire.bytes(field, packed);
            case Initializer.Storage.Strings(List<MemorySegment> values) ->
                values.forEach(value -> wire.bytes(6, value));
            case Initializer.Storage.Computed computed -> wire.computed(9, computed);
            case Initializer.Storage.External e when e.data() != null -> wire.bytes(9, e.data());
            case Initializer.Storage.External e -> {
                // The data are not here; the reference is all there is to carry.
                if (!asRead) {
                    entry(wire, "location", e.location());
                    entry(wire, "offset", Long.toString(e.offset()));
                    if (e.length() >= 0) {
                        entry(wire, "length", Long.toString(e.length()));
                    }
                }
                wire.varint(14, 1);
            }
            case Initializer.Storage.Absent a -> {}
        }
        return wire;
    }

    private static boolean isExternalEntry(MemorySegment encoded) {
        WireReader wire = new WireReader(encoded);
        return wire.next() && wire.field() == 13;
    }

    private static Carried withoutExternalEntries(Carried carried) {
        return carried.fields().isEmpty()
                ? carried
                : new Carried(carried.fields().stream()
                        .filter(field -> !isExternalEntry(field))
                        .toList());
    }

    private static void entry(WireWriter wire, String key, String value) {
        WireWriter pair = new WireWriter();
        pair.string(1, key);
        pair.string(2, value);
        wire.message(13, pair);
    }

    private static WireWriter valueInfo(ValueInfo value) {
        WireWriter wire = new WireWriter();
        wire.carried(value.carried());
        wire.text(1, value.name());
        type(wire, 2, value.type());
        return wire;
    }

    private static void type(WireWriter parent, int field, ValueType type) {
        switch (type) {
            case ValueType.TensorType(int element, List<Dim> dims, MemorySegment encoded) -> {
                if (encoded != null) {
                    parent.bytes(field, encoded);
                    return;
                }
                WireWriter tensor = new WireWriter();
                if (element != 0) {
                    tensor.varint(1, element);
                }
                if (dims != null) {
                    WireWriter shape = new WireWriter();
                    for (Dim dim : dims) {
                        WireWriter size = new WireWriter();
                        switch (dim) {
                            case Dim.Known(long known) -> size.varint(1, known);
                            case Dim.Symbol(String name) -> size.string(2, name);
                            case Dim.Unknown unknown -> {}
                        }
                        shape.message(1, size);
                    }
                    tensor.message(2, shape);
                }
                nested(parent, field, 1, tensor);
            }
            case ValueType.SequenceType(ValueType element, MemorySegment encoded) ->
                container(parent, field, 4, element, encoded);
            case ValueType.OptionalType(ValueType element, MemorySegment encoded) ->
                container(parent, field, 9, element, encoded);
            case ValueType.CarriedType(MemorySegment encoded) -> parent.bytes(field, encoded);
            case ValueType.Unstated unstated -> {}
        }
    }

    private static void container(
            WireWriter parent, int field, int kind, ValueType element, @Nullable MemorySegment encoded) {
        if (encoded != null) {
            parent.bytes(field, encoded);
            return;
        }
        WireWriter inner = new WireWriter();
        type(inner, 1, element);
        nested(parent, field, kind, inner);
    }

    private static void nested(WireWriter parent, int field, int kind, WireWriter inner) {
        WireWriter type = new WireWriter();
        type.message(kind, inner);
        parent.message(field, type);
    }
}
