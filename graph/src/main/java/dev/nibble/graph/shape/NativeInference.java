package dev.nibble.graph.shape;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.check.OnnxLibrary;
import dev.nibble.graph.io.ModelReader;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.onnx.OpSchemaRegistry;
import org.bytedeco.onnx.ShapeInferenceOptions;
import org.bytedeco.onnx.StringTensorShapeProtoMap;
import org.bytedeco.onnx.global.onnx;

/// Shape inference by ONNX's library, with data propagation.
final class NativeInference {
    private NativeInference() {}

    /// @param model with the main graph's values declared, or as it was
    /// @param why why the library was not used; empty where it was
    record Outcome(Model model, String why) {}

    static Outcome infer(Model model) {
        String refusal = OnnxLibrary.refusal(model);
        if (!refusal.isEmpty()) {
            return new Outcome(model, refusal);
        }
        byte[] inferred;
        try {
            inferred = OnnxLibrary.call(model, proto -> {
                // A null registry would crash the process; mode 0 leaves out nodes that cannot be inferred.
                try (ShapeInferenceOptions options = new ShapeInferenceOptions(false, 0, true);
                        StringTensorShapeProtoMap symbols = new StringTensorShapeProtoMap()) {
                    onnx.InferShapes(proto, OpSchemaRegistry.Instance(), options, symbols);
                }
                try (BytePointer bytes = proto.SerializeAsString()) {
                    byte[] copy = new byte[Math.toIntExact(bytes.limit())];
                    bytes.get(copy);
                    return copy;
                }
            });
        } catch (RuntimeException e) {
            return new Outcome(
                    model,
                    "ONNX's library refuses the model: "
                            + String.valueOf(e.getMessage()).strip());
        }
        Graph said = ModelReader.read(MemorySegment.ofArray(inferred), "ONNX's inference", null)
                .graph();
        return new Outcome(model.withGraph(declared(model.graph(), said)), "");
    }

    /// `graph` with what `said` declares of its values.
    private static Graph declared(Graph graph, Graph said) {
        List<ValueInfo> values = new ArrayList<>();
        Set<String> there = new HashSet<>();
        graph.inputs().forEach(v -> there.add(v.name()));
        graph.outputs().forEach(v -> there.add(v.name()));
        graph.initializers().forEach(v -> there.add(v.name()));
        for (ValueInfo value : graph.valueInfos()) {
            there.add(value.name());
            values.add(value.withType(better(value, said)));
        }
        for (ValueInfo value : said.valueInfos()) {
            if (there.add(value.name())) {
                values.add(value);
            }
        }
        return new Graph(
                graph.name(),
                graph.nodes(),
                graph.initializers(),
                graph.sparseInitializers(),
                graph.inputs(),
                graph.outputs().stream().map(o -> o.withType(better(o, said))).toList(),
                values,
                graph.carried());
    }

    /// The file's type where it says as much as the library does.
    private static ValueType better(ValueInfo value, Graph said) {
        ValueType found = said.valueInfo(value.name()).map(ValueInfo::type).orElse(value.type());
        boolean told = value.type() instanceof ValueType.TensorType t && t.dims() != null && known(t) >= known(found);
        return told ? value.type() : found;
    }

    private static long known(ValueType type) {
        return type instanceof ValueType.TensorType tensor && tensor.dims() != null
                ? tensor.dims().stream().filter(d -> d instanceof Dim.Known).count()
                : -1;
    }
}
