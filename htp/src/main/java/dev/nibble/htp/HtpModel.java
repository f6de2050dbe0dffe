package dev.nibble.htp;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import dev.nibble.graph.shape.BindShapes;
import dev.nibble.graph.shape.ShapeInference;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// A model as the compiler is given it: every shape fixed, the values that are asked for its outputs.
///
/// @param model what the child loads
/// @param outputs by the name that was asked for, the output that gives it
record HtpModel(Model model, Map<String, String> outputs) {
    /// Types that ONNX Runtime's Java interface can feed.
    private static final Set<DataType> FED = Set.of(
            DataType.FLOAT,
            DataType.UINT8,
            DataType.INT8,
            DataType.INT16,
            DataType.INT32,
            DataType.INT64,
            DataType.BOOL,
            DataType.FLOAT16,
            DataType.DOUBLE);

    /// @param shapes of all inputs
    /// @param computed names of values that nodes make
    static HtpModel of(Model model, Map<String, Shape> shapes, List<String> computed) {
        Map<String, long[]> sizes = new LinkedHashMap<>();
        shapes.forEach((name, shape) -> sizes.put(name, shape.dims()));
        Model bound = ShapeInference.inferOwn(BindShapes.bind(model, sizes).requireStatic())
                .model();
        return withOutputs(bound, computed);
    }

    /// A dequantized value in the middle is handed out by a DequantizeLinear of its own: as an output it would belong to
    /// no operator any more, and its reader would leave the integer model.
    static HtpModel withOutputs(Model model, List<String> computed) {
        Graph graph = model.graph();
        List<Node> nodes = new ArrayList<>(graph.nodes());
        List<ValueInfo> outputs = new ArrayList<>();
        Map<String, String> names = new LinkedHashMap<>();
        Set<String> used = new HashSet<>(graph.names());
        for (String name : computed) {
            Node producer = graph.producer(name).orElseThrow();
            if (producer.is("DequantizeLinear")
                    && !graph.isOutput(name)
                    && graph.producer(producer.input(0)).isPresent()) {
                String own = name + "_seen";
                while (!used.add(own)) {
                    own += "_";
                }
                nodes.add(producer.withName(own).withOutputs(List.of(own)));
                outputs.add(graph.valueInfo(name)
                        .map(info -> new ValueInfo(info.name(), info.type()))
                        .orElseGet(() -> new ValueInfo(name, new ValueType.Unstated())));
                names.put(name, own);
            } else {
                outputs.add(graph.valueInfo(name).orElseGet(() -> new ValueInfo(name, new ValueType.Unstated())));
                names.put(name, name);
            }
        }
        List<ValueInfo> renamed = new ArrayList<>();
        for (int i = 0; i < computed.size(); i++) {
            ValueInfo output = outputs.get(i);
            String now = names.get(computed.get(i));
            renamed.add(now == null || now.equals(output.name()) ? output : new ValueInfo(now, output.type()));
        }
        return new HtpModel(
                model.withGraph(new Graph(
                        graph.name(),
                        nodes,
                        graph.initializers(),
                        graph.sparseInitializers(),
                        graph.inputs(),
                        renamed,
                        graph.valueInfos(),
                        graph.carried())),
                names);
    }

    /// @throws NibbleException where `fetches` holds a name that is not in the model, an input cannot be fed, or weights
    ///     are missing
    static void check(Model model, List<String> fetches) {
        Graph graph = model.graph();
        for (String name : fetches) {
            if (graph.producer(name).isEmpty() && graph.initializer(name).isEmpty() && !graph.isInput(name)) {
                throw new NibbleException(
                        "model '%s' has no value named '%s'".formatted(graph.name(), name),
                        "name a graph output or the output of a node");
            }
        }
        for (Initializer weight : graph.initializers()) {
            if (!weight.hasData()) {
                throw new NibbleException(
                        "model '%s' cannot be run: tensor '%s' has no data".formatted(graph.name(), weight.name()),
                        "the weights were stripped from this file or lie in a missing data file; use it with its weights");
            }
        }
        for (ValueInfo input : graph.feeds()) {
            if (!canFeed(input)) {
                throw new NibbleException(
                        "model '%s': input '%s' is of type %s, which cannot be fed to the HTP from here"
                                .formatted(graph.name(), input.name(), input.type()),
                        "give the model a float input and a QuantizeLinear after it (--io float)");
            }
        }
    }

    /// Whether ONNX Runtime's Java interface can feed `input`; also where its type is not known.
    static boolean canFeed(ValueInfo input) {
        return input.tensorType()
                .flatMap(ValueType.TensorType::elementType)
                .map(FED::contains)
                .orElse(true);
    }

    /// A stored value that was asked for.
    static Optional<Tensor> constant(Graph graph, String name) {
        return graph.producer(name).isPresent()
                ? Optional.empty()
                : graph.initializer(name).map(Initializer::tensor);
    }
}
