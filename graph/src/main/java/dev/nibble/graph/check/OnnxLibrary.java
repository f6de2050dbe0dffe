package dev.nibble.graph.check;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.io.ModelWriter;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.onnx.ModelProto;
import org.bytedeco.onnx.global.onnx;

/// ONNX's own native library: what it knows, and how a model is handed to it.
///
/// Only models that [ModelChecker] passed go in: the library is C++, and what it does with a damaged file is not
/// for our process to find out.
public final class OnnxLibrary {
    /// The newest opset that the library (ONNX 1.17) knows.
    public static final long LAST_OPSET = 22;

    private static final long LAST_IR = 10;

    /// Tensors of up to this many bytes go in with their data: shapes are computed from such.
    private static final long KEPT = 1024;

    private OnnxLibrary() {}

    /// Why the library cannot take `model`; empty where it can.
    public static String refusal(Model model) {
        if (model.opset() > LAST_OPSET) {
            return "the model is written in opset %d, and ONNX's library ends at %d"
                    .formatted(model.opset(), LAST_OPSET);
        }
        if (!Loaded.PROBLEM.isEmpty()) {
            return Loaded.PROBLEM;
        }
        return ModelChecker.check(model).stream()
                .filter(Problem::isError)
                .findFirst()
                .map(p -> "the model is damaged: " + p)
                .orElse("");
    }

    /// Hands `model` to the library, without its large weights.
    ///
    /// @throws RuntimeException with the library's own message where it refuses
    public static <T> T call(Model model, Function<ModelProto, T> function) {
        byte[] bytes = ModelWriter.toBytes(withoutWeights(model));
        try (ModelProto proto = new ModelProto();
                BytePointer data = new BytePointer(bytes)) {
            if (!onnx.ParseProtoFromBytes(proto, data, bytes.length)) {
                throw new IllegalStateException("ONNX's library cannot read the model");
            }
            return function.apply(proto);
        }
    }

    /// The model with each large or missing tensor turned into an input of the main graph: of the same type and
    /// shape, without the data. Also from inside subgraphs, which see the main graph's inputs.
    static Model withoutWeights(Model model) {
        List<ValueInfo> inputs = new ArrayList<>();
        Set<String> there = new HashSet<>();
        model.graph().inputs().forEach(i -> there.add(i.name()));
        Graph graph = withoutWeights(model.graph(), inputs);
        List<ValueInfo> all = new ArrayList<>(graph.inputs());
        inputs.stream().filter(i -> there.add(i.name())).forEach(all::add);
        Graph main = new Graph(
                graph.name().isEmpty() ? "graph" : graph.name(),
                graph.nodes(),
                graph.initializers(),
                graph.sparseInitializers(),
                all,
                graph.outputs(),
                graph.valueInfos(),
                graph.carried());
        return model.withGraph(main).withIrVersion(Math.clamp(model.irVersion(), 4, LAST_IR));
    }

    private static Graph withoutWeights(Graph graph, List<ValueInfo> inputs) {
        List<Initializer> kept = new ArrayList<>();
        for (Initializer initializer : graph.initializers()) {
            if (stays(initializer)) {
                kept.add(initializer);
            } else {
                inputs.add(input(initializer.name(), initializer));
            }
        }
        List<Node> nodes = new ArrayList<>();
        for (Node node : graph.nodes()) {
            Attribute value = node.is("Constant") ? node.attribute("value").orElse(null) : null;
            if (value != null && value.value() instanceof Attribute.Value.OfTensor(Initializer t) && !stays(t)) {
                inputs.add(input(node.output(0), t));
            } else {
                nodes.add(node.subgraphs().isEmpty() ? node : node.mapSubgraphs(g -> withoutWeights(g, inputs)));
            }
        }
        return new Graph(
                graph.name(),
                nodes,
                kept,
                graph.sparseInitializers(),
                graph.inputs(),
                graph.outputs(),
                graph.valueInfos(),
                graph.carried());
    }

    private static boolean stays(Initializer tensor) {
        return tensor.hasData() && tensor.packedBytes() <= KEPT;
    }

    private static ValueInfo input(String name, Initializer tensor) {
        List<Dim> dims = new ArrayList<>();
        for (long dim : tensor.shape().dims()) {
            dims.add(new Dim.Known(dim));
        }
        return new ValueInfo(name, new ValueType.TensorType(tensor.typeCode(), dims, null));
    }

    /// Loading the library, once.
    private static final class Loaded {
        static final String PROBLEM = load();

        private static String load() {
            try (ModelProto probe = new ModelProto()) {
                return probe.isNull() ? "ONNX's library does not work on this machine" : "";
            } catch (LinkageError e) {
                return "ONNX's library does not exist for this machine (" + e.getMessage() + ")";
            }
        }
    }
}
