package dev.nibble.quant.place;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import dev.nibble.target.PlacementRules;
import java.util.ArrayList;
import java.util.List;

/// Bounds attention masks. A mask of −1e9 or −∞ that is added or filled in before Softmax would set the range of what
/// Softmax reads, and no steps would be left for the scores; −100 gives the same zeros.
final class BoundMasks {
    private static final float MASKED_BELOW = -1e4f;
    private static final float BOUND = -100;

    private BoundMasks() {}

    record Result(Graph graph, List<Finding> findings) {}

    static Result apply(Graph graph, PlacementRules rules) {
        List<Finding> findings = new ArrayList<>();
        List<Initializer> bounded = new ArrayList<>();
        for (Initializer constant : graph.initializers()) {
            if (constant.typeCode() != dev.nibble.graph.DataType.FLOAT.code()
                    || !constant.hasData()
                    || !isMask(graph, rules, constant.name(), 0)) {
                continue;
            }
            float[] values = constant.tensor().toFloats();
            int changed = 0;
            for (int i = 0; i < values.length; i++) {
                if (values[i] <= MASKED_BELOW) {
                    values[i] = BOUND;
                    changed++;
                }
            }
            if (changed > 0) {
                bounded.add(Initializer.of(constant.name(), Tensor.of(constant.shape(), values)));
                findings.add(new Finding(
                        "Q102",
                        Finding.Severity.INFO,
                        "mask '%s': %d values below %s were raised, so that they do not set the range of Softmax's input; they"
                                        .formatted(constant.name(), changed, MASKED_BELOW)
                                + " stay below every score",
                        ""));
            }
        }
        if (bounded.isEmpty()) {
            return new Result(graph, List.of());
        }
        return new Result(graph.edit(e -> bounded.forEach(e::put)), findings);
    }

    /// Whether everything that reads `value` leads it to an Add or Where before Softmax.
    private static boolean isMask(Graph graph, PlacementRules rules, String value, int depth) {
        List<Node> consumers = graph.consumers(value);
        return !consumers.isEmpty()
                && depth < 16
                && !graph.isOutput(value)
                && consumers.stream().allMatch(n -> {
                    boolean fills = n.is("Where") && !n.input(0).equals(value);
                    List<Node> next = graph.consumers(n.output(0));
                    boolean scores = !next.isEmpty() && next.stream().allMatch(s -> s.is("Softmax"));
                    if ((n.is("Add") || fills) && scores) {
                        return true;
                    }
                    if (MaskConstant.deepens(graph, n, value)) {
                        return isMask(graph, rules, n.output(0), depth + 1);
                    }
                    return rules.extensions().gridPreserving().contains(n.opType())
                            && n.isStandard()
                            && n.input(0).equals(value)
                            && isMask(graph, rules, n.output(0), depth + 1);
                });
    }
}
