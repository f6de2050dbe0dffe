package dev.nibble.quant.weight;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Which channels of a graph may be multiplied by positive factors without changing what it computes, and which must
/// share one factor.
///
/// Every channel of every value has a variable. Operators that commute with such factors hand them on (Relu, pooling,
/// …), tie them (Add) or rearrange them (Concat, Split); Conv, Gemm and MatMul have free ones on both sides, which their
/// weights take up; every other operator fixes what it touches at 1. Channels lie on axis 1.
final class ChannelSpaces {
    private final Graph graph;
    private final List<Integer> parent = new ArrayList<>();
    private final List<Boolean> fixed = new ArrayList<>();
    private final Map<String, int[]> channels = new HashMap<>();
    private final List<Linear> linears = new ArrayList<>();
    private final List<Capped> capped = new ArrayList<>();
    private final Map<String, String> fixedBy = new LinkedHashMap<>();

    /// A linear operator: the variables of its columns (null where they are fixed) and of its rows.
    record Linear(LinearLayer layer, int @Nullable [] in, int[] out) {}

    /// A Clip between 0 and `cap`.
    record Capped(Node node, float cap, int[] channels) {}

    private ChannelSpaces(Graph graph) {
        this.graph = graph;
    }

    static ChannelSpaces of(Graph graph) {
        return of(graph, Set.of());
    }

    /// @param frozen tensors whose encodings are given, so that their channels must not be scaled
    static ChannelSpaces of(Graph graph, Set<String> frozen) {
        ChannelSpaces spaces = new ChannelSpaces(graph);
        graph.nodes().forEach(spaces::add);
        graph.outputs().forEach(output -> spaces.fix(output.name(), "the graph's output"));
        frozen.forEach(name -> spaces.fix(name, "its encoding is given"));
        for (Linear linear : spaces.linears) {
            LinearLayer layer = linear.layer();
            if (frozen.contains(layer.weight()) || layer.bias() != null && frozen.contains(layer.bias())) {
                spaces.fix(layer.node().input(0), "the encoding of weight '" + layer.weight() + "' is given");
                spaces.fix(layer.node().output(0), "the encoding of weight '" + layer.weight() + "' is given");
            }
        }
        return spaces;
    }

    List<Linear> linears() {
        return linears;
    }

    List<Capped> capped() {
        return capped;
    }

    /// Whether nothing reads `value` but Relu and Clip from 0 on, so that what is below 0 does not matter.
    boolean isRectified(String value) {
        List<Node> readers = graph.consumers(value);
        return !graph.isOutput(value)
                && !readers.isEmpty()
                && readers.stream()
                        .allMatch(n -> n.is("Relu")
                                || capped.stream().anyMatch(c -> c.node().equals(n)));
    }

    /// By value, what keeps its channels from being scaled.
    Map<String, String> fixedBy() {
        return fixedBy;
    }

    int variables() {
        return parent.size();
    }

    /// The variable that stands for `variable` and all that are tied to it.
    int root(int variable) {
        int at = variable;
        while (parent.get(at) != at) {
            at = parent.get(at);
        }
        return at;
    }

    boolean isFixed(int variable) {
        return fixed.get(root(variable));
    }

    /// The variables of the channels of `value`; null where it has none.
    int @Nullable [] channels(String value) {
        return channels.get(value);
    }

    private int[] fresh(int size) {
        int[] made = new int[size];
        for (int i = 0; i < size; i++) {
            made[i] = parent.size();
            parent.add(made[i]);
            fixed.add(false);
        }
        return made;
    }

    private void fix(String value, String reason) {
        int[] own = channels.get(value);
        if (own != null) {
            fixedBy.putIfAbsent(value, reason);
            for (int variable : own) {
                fixed.set(root(variable), true);
            }
        }
    }

    private void tie(int a, int b) {
        int first = root(a);
        int second = root(b);
        if (first != second) {
            fixed.set(first, fixed.get(first) || fixed.get(second));
            parent.set(second, first);
        }
    }

    private void add(Node node) {
        int[] in = channels.get(node.input(0));
        switch (node.isStandard() ? node.opType() : "") {
            case "Conv", "Gemm", "MatMul" -> linear(node, in);
            case "Relu",
                    "LeakyRelu",
                    "PRelu",
                    "MaxPool",
                    "AveragePool",
                    "GlobalAveragePool",
                    "GlobalMaxPool",
                    "Identity",
                    "Dropout" -> handOn(node, in);
            case "Clip" -> clip(node, in);
            case "Flatten", "Reshape", "Squeeze" -> flatten(node, in);
            case "Add" -> sum(node);
            case "Concat" -> concat(node);
            case "Split" -> split(node, in);
            default -> fixAll(node);
        }
    }

    private void handOn(Node node, int @Nullable [] in) {
        if (in != null) {
            channels.put(node.output(0), in);
        }
    }

    private void fixAll(Node node) {
        node.inputs().forEach(input -> fix(input, node + " does not commute with channel scales"));
        node.subgraphs().forEach(g -> g.captured().forEach(value -> fix(value, node.toString())));
    }

    private void linear(Node node, int @Nullable [] in) {
        LinearLayer layer =
                LinearLayer.of(graph, node) instanceof LinearLayer.Seen.Layer(LinearLayer seen) ? seen : null;
        boolean biased = node.hasInput(2);
        if (layer == null || biased && layer.bias() == null) {
            fixAll(node);
            return;
        }
        boolean matrix = layer.rows() == null;
        Shape input = graph.shape(node.input(0)).orElse(null);
        int inputs = matrix ? layer.depth() : layer.depth() * layer.groups() / layer.taps();
        if (in != null && (in.length != inputs || matrix && (input == null || input.rank() != 2))) {
            fix(node.input(0), node + " reads its channels along another axis");
            in = null;
        }
        int[] out = fresh(layer.outputs());
        channels.put(node.output(0), out);
        linears.add(new Linear(layer, in, out));
        if (matrix && (input == null || input.rank() != 2)) {
            fix(node.output(0), node + " has its channels on the last axis");
        }
    }

    private void clip(Node node, int @Nullable [] in) {
        if (in == null) {
            return;
        }
        float low = bound(node, 1, "min", Float.NEGATIVE_INFINITY);
        float high = bound(node, 2, "max", Float.POSITIVE_INFINITY);
        if (low == 0 && high > 0) {
            channels.put(node.output(0), in);
            if (high < Float.MAX_VALUE) {
                capped.add(new Capped(node, high, in));
            }
        } else {
            fixAll(node);
        }
    }

    /// A bound of Clip: an input that is constant, or an attribute in old opsets; NaN where it is computed.
    private float bound(Node node, int index, String attribute, float otherwise) {
        if (!node.hasInput(index)) {
            return node.floatAttribute(attribute, otherwise);
        }
        return graph.constant(node.input(index))
                .filter(Initializer::hasData)
                .map(value -> value.tensor().floatAt(0))
                .orElse(Float.NaN);
    }

    private void flatten(Node node, int @Nullable [] in) {
        Shape from = graph.shape(node.input(0)).orElse(null);
        long spatial = from == null || from.rank() < 2 ? -1 : from.product(2, from.rank());
        if (in == null) {
            return;
        }
        long width = width(node.output(0));
        if (spatial < 0 && width > 0 && width % in.length == 0) {
            spatial = width / in.length;
        }
        if (width != in.length * spatial || spatial < 1) {
            fixAll(node);
            return;
        }
        int[] out = new int[(int) width];
        for (int i = 0; i < out.length; i++) {
            out[i] = in[(int) (i / spatial)];
        }
        channels.put(node.output(0), out);
    }

    /// The size of axis 1 of a matrix, though its other axis may be open; −1 where it is not known.
    private long width(String value) {
        ValueType.TensorType type =
                graph.valueInfo(value).flatMap(ValueInfo::tensorType).orElse(null);
        List<Dim> dims = type == null ? null : type.dims();
        return dims != null && dims.size() == 2 && dims.get(1) instanceof Dim.Known(long size) ? size : -1;
    }

    private void sum(Node node) {
        int[] a = channels.get(node.input(0));
        int[] b = channels.get(node.input(1));
        if (a == null || b == null || a.length != b.length) {
            fixAll(node);
            return;
        }
        for (int i = 0; i < a.length; i++) {
            tie(a[i], b[i]);
        }
        channels.put(node.output(0), a);
    }

    private void concat(Node node) {
        int[] all = new int[0];
        for (String input : node.inputs()) {
            int[] own = channels.get(input);
            if (own == null || node.intAttribute("axis", 0) != 1) {
                fixAll(node);
                return;
            }
            all = Arrays.copyOf(all, all.length + own.length);
            System.arraycopy(own, 0, all, all.length - own.length, own.length);
        }
        channels.put(node.output(0), all);
    }

    private void split(Node node, int @Nullable [] in) {
        if (in == null) {
            return;
        }
        int from = 0;
        Map<String, int[]> parts = new LinkedHashMap<>();
        for (String output : node.outputs()) {
            Shape shape = graph.shape(output).orElse(null);
            if (shape == null
                    || shape.rank() < 2
                    || node.intAttribute("axis", 0) != 1
                    || from + shape.dim(1) > in.length) {
                fixAll(node);
                return;
            }
            parts.put(output, Arrays.copyOfRange(in, from, from + (int) shape.dim(1)));
            from += (int) shape.dim(1);
        }
        channels.putAll(parts);
    }
}
