package dev.nibble.quant.weight;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Which channels of a graph may be multiplied by positive factors without changing what it computes, and which must
/// share one factor.
///
/// Every channel of every value has a variable. Operators that commute with such factors hand them on (Relu, pooling,
/// a product with another value, …), tie them (Add) or rearrange them (Concat, Split); Conv, Gemm and MatMul have free
/// ones on both sides, which their weights take up; what a normalization or a product with a constant vector makes has
/// free ones, which its constants take up; every other operator fixes what it touches at 1.
///
/// Channels lie on axis 1, or on the last one behind MatMul and normalizations of more than two axes.
final class ChannelSpaces {
    private final Graph graph;
    private final Axes axes;
    private final List<Integer> parent = new ArrayList<>();
    private final List<Boolean> fixed = new ArrayList<>();
    private final Map<String, int[]> channels = new HashMap<>();
    private final List<Linear> linears = new ArrayList<>();
    private final List<Capped> capped = new ArrayList<>();
    private final Map<String, String> fixedBy = new LinkedHashMap<>();
    private final List<Gain> gains = new ArrayList<>();
    private final List<Shift> shifts = new ArrayList<>();
    private final Set<String> last = new HashSet<>();

    /// A linear operator: the variables of its columns (null where they are fixed) and of its rows.
    record Linear(LinearLayer layer, int @Nullable [] in, int[] out) {}

    /// A Clip between 0 and `cap`.
    record Capped(Node node, float cap, int[] channels) {}

    /// A normalization, or a product with a constant vector: `scale` and, where there is one, `shift` take up the
    /// factors of what it makes.
    record Gain(Node node, String scale, @Nullable String shift, int[] out) {}

    /// A constant vector that is added, as MatMul's bias is.
    record Shift(Node node, String constant, int[] channels) {}

    private ChannelSpaces(Graph graph) {
        this.graph = graph;
        this.axes = new Axes(graph);
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
        for (Gain gain : spaces.gains) {
            if (frozen.contains(gain.scale()) || gain.shift() != null && frozen.contains(gain.shift())) {
                spaces.fix(gain.node().output(0), "the encoding of " + gain.node() + "'s constants is given");
            }
        }
        for (Shift shift : spaces.shifts) {
            if (frozen.contains(shift.constant())) {
                spaces.fix(shift.node().output(0), "the encoding of '" + shift.constant() + "' is given");
            }
        }
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

    List<Gain> gains() {
        return gains;
    }

    List<Shift> shifts() {
        return shifts;
    }

    /// Whether the channels of `value` lie on the last of more than two axes.
    boolean onLastAxis(String value) {
        return last.contains(value);
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
            case "LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization" -> normalization(node);
            case "Mul" -> product(node);
            case "Relu", "LeakyRelu", "PRelu", "Identity", "Dropout" -> handOn(node, in);
            case "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool" -> pool(node, in);
            case "Shape", "Size" -> {
                // They read no element.
            }
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
            if (last.contains(node.input(0))) {
                last.add(node.output(0));
            }
        }
    }

    private void pool(Node node, int @Nullable [] in) {
        if (last.contains(node.input(0))) {
            fixAll(node);
        } else {
            handOn(node, in);
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
        int rank = axes.rank(node.input(0));
        boolean onLast = last.contains(node.input(0));
        int inputs = matrix ? layer.depth() : layer.depth() * layer.groups() / layer.taps();
        if (in != null && (in.length != inputs || (matrix ? rank != 2 && !onLast : onLast))) {
            fix(node.input(0), node + " reads its channels along another axis");
            in = null;
        }
        int[] out = fresh(layer.outputs());
        channels.put(node.output(0), out);
        linears.add(new Linear(layer, in, out));
        if (matrix && rank > 2) {
            last.add(node.output(0));
        } else if (matrix && rank < 2) {
            fix(node.output(0), "how many axes " + node + " reads is not known");
        }
    }

    private void clip(Node node, int @Nullable [] in) {
        if (in == null) {
            return;
        }
        if (last.contains(node.input(0))) {
            fixAll(node);
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
        if (last.contains(node.input(0)) || axes.rank(node.input(0)) == 2 && axes.rank(node.output(0)) > 2) {
            lastKept(node, in);
            return;
        }
        long width = axes.width(node.output(0));
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

    /// Reshaping that leaves the last axis as it is.
    private void lastKept(Node node, int[] in) {
        int rank = axes.rank(node.output(0));
        if (rank < 2 || axes.size(node.output(0), rank - 1) != in.length) {
            fixAll(node);
            return;
        }
        channels.put(node.output(0), in);
        if (rank > 2) {
            last.add(node.output(0));
        }
    }

    private void normalization(Node node) {
        int rank = axes.rank(node.output(0));
        long axis = node.intAttribute("axis", -1);
        fixAll(node);
        if (rank >= 2 && (axis == -1 || axis == rank - 1)) {
            gain(node, node.input(1), node.hasInput(2) ? node.input(2) : null);
        }
    }

    private void gain(Node node, String scale, @Nullable String shift) {
        int rank = axes.rank(node.output(0));
        long width = axes.size(node.output(0), rank - 1);
        if (!axes.isVector(scale, width) || shift != null && !axes.isVector(shift, width)) {
            fixedBy.putIfAbsent(node.output(0), node + " has no constant vectors of its own to scale by");
            return;
        }
        int[] out = fresh((int) width);
        channels.put(node.output(0), out);
        gains.add(new Gain(node, scale, shift, out));
        if (rank > 2) {
            last.add(node.output(0));
        }
    }

    /// `x·y`: a vector that is constant takes up factors; else the factors of one operand are the product's.
    private void product(Node node) {
        int rank = axes.rank(node.output(0));
        long width = rank < 2 ? -1 : axes.size(node.output(0), rank - 1);
        for (int i = 0; i < 2; i++) {
            String other = node.input(1 - i);
            boolean fits = axes.rank(other) == rank && axes.size(other, rank - 1) == width;
            if (axes.isVector(node.input(i), width) && fits && (rank == 2 || mayBeLast(other))) {
                fix(other, node + " begins a space of its own");
                gain(node, node.input(i), null);
                return;
            }
        }
        int carrier = carries(node, 0, rank) ? 0 : carries(node, 1, rank) ? 1 : -1;
        if (carrier == 0 && isFixed(node.input(0)) && carries(node, 1, rank)) {
            carrier = 1;
        }
        String carried = node.input(Math.max(carrier, 0));
        if (carrier < 0 || node.input(1 - carrier).equals(carried)) {
            fixAll(node);
            return;
        }
        fix(node.input(1 - carrier), node + " takes the factors of its other operand");
        channels.put(node.output(0), java.util.Objects.requireNonNull(channels.get(carried)));
        if (last.contains(carried)) {
            last.add(node.output(0));
        }
    }

    /// Whether nothing says that the channels of `value` lie on axis 1 of more than two.
    private boolean mayBeLast(String value) {
        return !channels.containsKey(value) || last.contains(value);
    }

    private boolean isFixed(String value) {
        int[] own = channels.get(value);
        return own != null && Arrays.stream(own).allMatch(this::isFixed);
    }

    /// Whether the product of `node` has the channels of its operand `index`, whatever the other one is.
    private boolean carries(Node node, int index, int rank) {
        int[] own = channels.get(node.input(index));
        int axis = last.contains(node.input(index)) ? rank - 1 : 1;
        return own != null
                && rank == axes.rank(node.input(index))
                && rank >= 2
                && axes.size(node.output(0), axis) == own.length
                && axes.size(node.input(index), axis) == own.length;
    }

    private void sum(Node node) {
        int[] a = channels.get(node.input(0));
        int[] b = channels.get(node.input(1));
        if (a == null && axes.isVector(node.input(0), b == null ? -1 : b.length)) {
            shift(node, 1, b);
            return;
        }
        if (b == null && axes.isVector(node.input(1), a == null ? -1 : a.length)) {
            shift(node, 0, a);
            return;
        }
        if (a == null
                || b == null
                || a.length != b.length
                || last.contains(node.input(0)) != last.contains(node.input(1))) {
            fixAll(node);
            return;
        }
        for (int i = 0; i < a.length; i++) {
            tie(a[i], b[i]);
        }
        channels.put(node.output(0), a);
        if (last.contains(node.input(0))) {
            last.add(node.output(0));
        }
    }

    /// A constant vector is added to operand `index` of `node`.
    private void shift(Node node, int index, int @Nullable [] own) {
        String value = node.input(index);
        if (own == null || !last.contains(value) && axes.rank(value) != 2) {
            fixAll(node);
            return;
        }
        channels.put(node.output(0), own);
        shifts.add(new Shift(node, node.input(1 - index), own));
        if (last.contains(value)) {
            last.add(node.output(0));
        }
    }

    private void concat(Node node) {
        int[] all = new int[0];
        for (String input : node.inputs()) {
            int[] own = channels.get(input);
            if (own == null || last.contains(input) || node.intAttribute("axis", 0) != 1) {
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
        if (last.contains(node.input(0))) {
            fixAll(node);
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
