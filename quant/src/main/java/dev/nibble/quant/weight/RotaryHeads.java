package dev.nibble.quant.weight;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Queries or keys between the layer that makes them and the product of the two, with a rotary embedding on the way:
/// `x · cos + rotated(x) · sin`, where `rotated` puts minus the second half of a head's channels before the first (J. Su
/// et al., *RoFormer: Enhanced Transformer with Rotary Position Embedding*, 2021, in the form of LLaMA's models). Channels
/// `i` and `i + size / 2` of a head are a pair, which is turned by an angle that depends on the position.
///
/// @param layer the projection
/// @param bias a constant that is added to its output; null where there is none
/// @param made the projection's output with its bias, `… × heads · size`
/// @param size channels of a head
/// @param product the MatMul of queries and keys
/// @param input of `product`: 0 for queries, 1 for keys
record RotaryHeads(LinearLayer layer, @Nullable String bias, String made, int size, Node product, int input) {
    private static final String[] REARRANGING = {"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity"};

    /// What also comes between keys and the product: copies for several heads of queries, and a scale.
    private static final String[] HANDING_ON = {
        "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Identity", "Expand", "Tile", "Concat", "Mul", "Div"
    };

    private static final int LONGEST_CHAIN = 16;

    /// Queries and keys that meet in one product.
    record Pair(RotaryHeads queries, RotaryHeads keys) {
        /// Heads of queries for each head of keys.
        int group() {
            return queries.heads() / keys.heads();
        }
    }

    int heads() {
        return layer.outputs() / size;
    }

    /// Those of `graph`, in its order.
    static List<Pair> of(Graph graph) {
        Map<Node, RotaryHeads> queries = new LinkedHashMap<>();
        Map<Node, RotaryHeads> keys = new LinkedHashMap<>();
        for (Node node : graph.nodes()) {
            if (node.is("Add")) {
                read(graph, node).ifPresent(heads -> (heads.input() == 0 ? queries : keys).put(heads.product(), heads));
            }
        }
        List<Pair> pairs = new ArrayList<>();
        queries.forEach((product, query) -> {
            RotaryHeads key = keys.get(product);
            if (key != null && query.size() == key.size() && query.heads() % key.heads() == 0) {
                pairs.add(new Pair(query, key));
            }
        });
        return pairs;
    }

    private static Optional<RotaryHeads> read(Graph graph, Node sum) {
        for (int i = 0; i < 2; i++) {
            Node turned = graph.producer(sum.input(i)).orElse(null);
            Node straight = graph.producer(sum.input(1 - i)).orElse(null);
            if (turned == null || straight == null || !turned.is("Mul") || !straight.is("Mul")) {
                return Optional.empty();
            }
            for (int j = 0; j < 2; j++) {
                String value = rotated(graph, turned.input(j));
                if (!value.isEmpty() && straight.inputs().contains(value)) {
                    return read(graph, value, sum.output(0));
                }
            }
        }
        return Optional.empty();
    }

    /// What `value` is the rotated form of; empty where it is none.
    private static String rotated(Graph graph, String value) {
        Node joined = graph.producer(value).filter(node -> node.is("Concat")).orElse(null);
        if (joined == null || joined.inputs().size() != 2) {
            return "";
        }
        Node negative = graph.producer(joined.input(0)).orElse(null);
        if (negative == null || !negative.is("Neg")) {
            return "";
        }
        Node second = graph.producer(negative.input(0)).orElse(null);
        Node first = graph.producer(joined.input(1)).orElse(null);
        if (first == null || second == null || !first.isAny("Slice", "Split") || !second.isAny("Slice", "Split")) {
            return "";
        }
        return second.input(0).equals(first.input(0)) ? first.input(0) : "";
    }

    private static Optional<RotaryHeads> read(Graph graph, String value, String embedded) {
        long size = lastAxis(graph, value);
        if (size < 2 || size % 2 != 0) {
            return Optional.empty();
        }
        String at = value;
        for (int i = 0; i < LONGEST_CHAIN; i++) {
            Node maker = graph.producer(at).orElse(null);
            if (maker == null || !maker.isAny(REARRANGING)) {
                break;
            }
            at = maker.input(0);
            if (!isAlone(graph, at)) {
                return Optional.empty();
            }
        }
        String made = at;
        Node maker = graph.producer(at).orElse(null);
        String bias = null;
        if (maker != null && maker.is("Add")) {
            for (int i = 0; i < 2; i++) {
                if (isOwnVector(graph, maker.input(i))) {
                    bias = maker.input(i);
                    at = maker.input(1 - i);
                }
            }
            maker = bias == null || !isAlone(graph, at)
                    ? null
                    : graph.producer(at).orElse(null);
        }
        if (maker == null || !maker.isAny("MatMul", "Gemm")) {
            return Optional.empty();
        }
        String constant = bias;
        return LinearLayer.of(graph, maker) instanceof LinearLayer.Seen.Layer(LinearLayer layer)
                        && layer.outputs() % size == 0
                        && (constant == null || length(graph, constant) == layer.outputs())
                ? product(graph, embedded)
                        .map(end -> new RotaryHeads(
                                layer,
                                constant == null ? layer.bias() : constant,
                                made,
                                (int) size,
                                end.node(),
                                end.input()))
                : Optional.empty();
    }

    private record End(Node node, int input) {}

    private static Optional<End> product(Graph graph, String embedded) {
        String at = embedded;
        for (int i = 0; i < LONGEST_CHAIN; i++) {
            List<Node> readers = graph.consumers(at).stream().distinct().toList();
            if (readers.size() != 1 || graph.isOutput(at)) {
                return Optional.empty();
            }
            Node reader = readers.getFirst();
            if (reader.is("MatMul")) {
                int input = reader.input(0).equals(at) ? 0 : 1;
                return graph.constant(reader.input(1 - input)).isEmpty()
                        ? Optional.of(new End(reader, input))
                        : Optional.empty();
            }
            String value = at;
            boolean copies = reader.is("Concat") && reader.inputs().stream().allMatch(value::equals);
            boolean scales = reader.isAny("Mul", "Div")
                    && graph.constant(reader.input(1)).isPresent();
            if (!reader.isAny(HANDING_ON)
                    || reader.is("Concat") && !copies
                    || reader.isAny("Mul", "Div") && !scales
                    || !reader.input(0).equals(at)) {
                return Optional.empty();
            }
            at = reader.output(0);
        }
        return Optional.empty();
    }

    /// Channels on the last axis of `value`, 0 where that is not known; other axes may be of any length.
    private static long lastAxis(Graph graph, String value) {
        List<Dim> dims = graph.valueInfo(value)
                .flatMap(ValueInfo::tensorType)
                .map(ValueType.TensorType::dims)
                .orElse(List.of());
        return !dims.isEmpty() && dims.getLast() instanceof Dim.Known(long size) ? size : 0;
    }

    private static boolean isAlone(Graph graph, String value) {
        return graph.consumers(value).size() == 1 && !graph.isOutput(value);
    }

    private static boolean isOwnVector(Graph graph, String value) {
        return graph.initializer(value).isPresent() && isAlone(graph, value) && length(graph, value) > 0;
    }

    /// Elements of a constant that is one row; 0 where it is more than that.
    private static long length(Graph graph, String value) {
        Shape shape = graph.initializer(value).map(Initializer::shape).orElse(Shape.SCALAR);
        return shape.rank() > 0 && shape.elements() == shape.dim(-1) ? shape.elements() : 0;
    }
}
