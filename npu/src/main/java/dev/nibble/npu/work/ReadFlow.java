package dev.nibble.npu.work;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.NibbleException;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.ValueInfo;
import dev.nibble.npu.work.Flow.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Reads a graph as a [Flow]: identities and quantizers become other names of what they pass on, and what depends
/// on constants and shapes alone becomes a constant, whose data nobody needs. Stripped weights will do.
public final class ReadFlow {
    private static final Set<String> PASSING = Set.of("Identity", "Dropout", "QuantizeLinear", "DequantizeLinear");
    /// Operators that read the layout of pictures: channels at axis 1.
    private static final Set<String> PICTURE = Set.of(
            "Conv",
            "ConvTranspose",
            "MaxPool",
            "AveragePool",
            "GlobalAveragePool",
            "GlobalMaxPool",
            "LpPool",
            "Resize",
            "Upsample",
            "DepthToSpace",
            "SpaceToDepth",
            "BatchNormalization",
            "InstanceNormalization",
            "GroupNormalization",
            "PRelu",
            "LRN",
            "RoiAlign",
            "GridSample");

    private final Graph graph;
    private final Map<String, String> alias = new HashMap<>();
    private final Map<String, Value> values = new LinkedHashMap<>();
    private final List<Layer> layers = new ArrayList<>();
    private final Set<String> picture = new HashSet<>();

    private ReadFlow(Graph graph) {
        this.graph = graph;
    }

    /// @throws NibbleException where a shape that is needed is not known, or there is nothing to run
    public static Flow of(Graph graph) {
        return new ReadFlow(graph).read();
    }

    private Flow read() {
        if (graph.nodes().isEmpty()) {
            throw new NibbleException("the model has no nodes", "there is nothing to estimate; export it again");
        }
        graph.nodes().stream().filter(n -> PICTURE.contains(n.opType())).forEach(n -> picture.add(n.input(0)));
        for (Initializer constant : graph.initializers()) {
            put(constant.name(), constant.shape(), true, constant.shape().rank() - 1, 0, false);
        }
        for (ValueInfo feed : graph.feeds()) {
            int rank = graph.shape(feed.name()).map(Shape::rank).orElse(0);
            put(feed.name(), false, rank >= 4 && !liesChannelsLast(feed.name()) ? 1 : rank - 1);
        }
        graph.nodes().forEach(this::read);
        Set<String> outputs = new LinkedHashSet<>();
        graph.outputs().forEach(o -> outputs.add(resolve(o.name())));
        List<String> open = new ArrayList<>();
        for (Layer layer : layers) {
            for (String name : layer.outputs()) {
                Value value = values.get(name);
                if (value == null || value.shape() == null) {
                    open.add(name);
                }
            }
        }
        if (!open.isEmpty()) {
            throw new NibbleException(
                    "%d values have no known shape: %s%s"
                            .formatted(
                                    open.size(),
                                    String.join(", ", open.subList(0, Math.min(5, open.size()))),
                                    open.size() > 5 ? ", …" : ""),
                    "fix the inputs' shapes: --shape NAME=1,3,224,224");
        }
        if (layers.isEmpty()) {
            throw new NibbleException(
                    "the model computes nothing: every node depends on constants alone", "export it with its inputs");
        }
        return new Flow(layers, values, outputs, alias);
    }

    /// Whether every reader of a picture that is fed turns it from NHWC to NCHW.
    private boolean liesChannelsLast(String feed) {
        List<Node> readers = graph.consumers(feed);
        return !readers.isEmpty()
                && readers.stream().allMatch(n -> {
                    long[] perm = n.intsAttribute("perm");
                    return n.is("Transpose") && perm.length >= 4 && perm[1] == perm.length - 1;
                });
    }

    private void read(Node node) {
        List<String> inputs = node.inputs().stream().map(this::resolve).toList();
        if (PASSING.contains(node.opType()) && values.containsKey(inputs.getFirst())) {
            alias.put(node.output(0), inputs.getFirst());
            noteWidth(node, inputs.getFirst());
            return;
        }
        if (isConstant(node, inputs)) {
            node.outputs().stream().filter(o -> !o.isEmpty()).forEach(o -> put(o, true, Integer.MAX_VALUE));
            return;
        }
        for (String output : node.outputs()) {
            if (!output.isEmpty()) {
                put(output, false, channelAxis(node, inputs, output));
            }
        }
        layers.add(Layer.of(node, inputs));
    }

    private boolean isConstant(Node node, List<String> inputs) {
        if (node.opType().equals("Constant")) {
            return true;
        }
        if (node.isAny("Shape", "Size") && graph.shape(node.input(0)).isPresent()) {
            return true;
        }
        return node.subgraphs().isEmpty()
                && !node.opType().startsWith("Random")
                && inputs.stream()
                        .allMatch(i -> i.isEmpty()
                                || values.containsKey(i) && values.get(i).constant());
    }

    /// The axis that lies innermost on the device, which keeps pictures as NHWC.
    private int channelAxis(Node node, List<String> inputs, String output) {
        int rank = graph.shape(output).map(Shape::rank).orElse(0);
        if (PICTURE.contains(node.opType()) || picture.contains(output) && rank >= 3) {
            return Math.min(1, Math.max(0, rank - 1));
        }
        if (node.is("Transpose")) {
            Value in = values.get(inputs.getFirst());
            long[] perm = node.intsAttribute("perm");
            for (int i = 0; in != null && i < perm.length; i++) {
                if (perm[i] == in.channelAxis()) {
                    return i;
                }
            }
        }
        if (!node.isAny("MatMul", "Gemm", "Reshape", "Flatten", "Gather", "Transpose", "Unsqueeze", "Squeeze")) {
            for (String input : inputs) {
                Value in = values.get(input);
                if (in != null
                        && !in.constant()
                        && in.shape() != null
                        && in.shape().rank() == rank) {
                    return in.channelAxis();
                }
            }
        }
        return Math.max(0, rank - 1);
    }

    private void put(String name, boolean constant, int channelAxis) {
        Shape shape = graph.shape(name).orElse(null);
        DataType type = graph.type(name).orElse(DataType.FLOAT);
        boolean integer = switch (type) {
            case INT32, INT64, UINT32, UINT64, BOOL -> true;
            default -> false;
        };
        int axis = Math.max(0, Math.min(channelAxis, shape == null ? 0 : shape.rank() - 1));
        values.put(name, new Value(name, shape, constant, axis, 0, integer));
    }

    private void put(String name, Shape shape, boolean constant, int channelAxis, int bits, boolean integer) {
        values.put(name, new Value(name, shape, constant, Math.max(0, channelAxis), bits, integer));
    }

    private void noteWidth(Node node, String value) {
        if (!node.isAny("QuantizeLinear", "DequantizeLinear")) {
            return;
        }
        String stored = node.is("QuantizeLinear") ? node.output(0) : node.input(0);
        int bits = graph.type(stored)
                .or(() -> graph.type(node.input(2)))
                .map(DataType::bits)
                .orElse(8);
        Value old = values.get(value);
        if (old != null && (old.bits() == 0 || old.constant())) {
            values.put(value, new Value(value, old.shape(), old.constant(), old.channelAxis(), bits, false));
        }
    }

    private String resolve(String name) {
        String at = name;
        while (alias.containsKey(at)) {
            at = alias.get(at);
        }
        return at;
    }
}
