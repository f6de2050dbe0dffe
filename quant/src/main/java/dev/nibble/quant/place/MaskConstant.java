package dev.nibble.quant.place;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import java.util.Optional;
import java.util.Set;

/// The constant that says how far below the scores an attention mask reaches. A mask is stored as such, or computed from
/// what the user gives: `(1 − attention_mask) · −3.4e38`, `Where(attention_mask, 0, −∞)`.
public final class MaskConstant {
    private static final Set<DataType> WHOLE =
            Set.of(DataType.BOOL, DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64, DataType.UINT8);
    private static final int LONGEST_CHAIN = 16;

    private MaskConstant() {}

    /// The float constant with data that gives `mask` its depth: `mask` itself, or what is multiplied with ones and
    /// zeros, or filled in, to make it.
    public static Optional<Initializer> of(Graph graph, String mask) {
        Optional<Initializer> stored = floats(graph, mask);
        if (stored.isPresent()) {
            return stored;
        }
        Node maker = graph.producer(mask).orElse(null);
        if (maker == null || !maker.isAny("Mul", "Where")) {
            return Optional.empty();
        }
        int first = maker.is("Mul") ? 0 : 1;
        for (int i = first; i < first + 2; i++) {
            Optional<Initializer> constant = floats(graph, maker.input(i));
            if (constant.isPresent() && deepens(graph, maker, maker.input(i))) {
                return constant;
            }
        }
        return Optional.empty();
    }

    /// Whether `node` computes a mask from `constant`: a Mul with ones and zeros, a Where between it and those, or between
    /// it and another constant.
    static boolean deepens(Graph graph, Node node, String constant) {
        int first = node.is("Mul") ? 0 : 1;
        if (!node.isAny("Mul", "Where") || !node.is("Mul") && node.input(0).equals(constant)) {
            return false;
        }
        String other = node.input(first).equals(constant) ? node.input(first + 1) : node.input(first);
        return isSelector(graph, other, 0)
                || node.is("Where") && graph.initializer(other).isPresent();
    }

    private static Optional<Initializer> floats(Graph graph, String value) {
        return graph.initializer(value).filter(i -> i.hasData() && i.typeCode() == DataType.FLOAT.code());
    }

    /// Whether `value` is made of whole numbers that tell what is masked: an attention mask of ones and zeros, or one
    /// less it.
    private static boolean isSelector(Graph graph, String value, int depth) {
        if (graph.type(value).filter(WHOLE::contains).isPresent()) {
            return true;
        }
        Node maker = graph.producer(value).orElse(null);
        if (maker == null || depth > LONGEST_CHAIN) {
            return false;
        }
        return switch (maker.isStandard() ? maker.opType() : "") {
            case "Cast" -> graph.type(maker.input(0)).filter(WHOLE::contains).isPresent();
            case "Sub" ->
                graph.initializer(maker.input(0))
                                .filter(i -> i.hasData()
                                        && i.tensor().elements() == 1
                                        && i.tensor().floatAt(0) == 1)
                                .isPresent()
                        && isSelector(graph, maker.input(1), depth + 1);
            case "Mul" -> isSelector(graph, maker.input(0), depth + 1) && isSelector(graph, maker.input(1), depth + 1);
            case "Reshape", "Unsqueeze", "Squeeze", "Expand", "Slice", "Transpose", "Identity", "Tile" ->
                isSelector(graph, maker.input(0), depth + 1);
            default -> false;
        };
    }
}
