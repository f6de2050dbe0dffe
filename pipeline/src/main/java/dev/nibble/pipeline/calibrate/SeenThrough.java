package dev.nibble.pipeline.calibrate;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// The values of which only a normalization makes something: what Softmax, LayerNormalization and their kin read, and what
/// is only added to that, scaled or rearranged on the way.
///
/// An error there says little by itself. Softmax does not see what all scores of a row have in common, and next to nothing of
/// scores far below the largest; LayerNormalization does not see a row's mean and scale. So what an error in a query, a
/// key or a residual stream costs is measured behind the normalization.
final class SeenThrough {
    private static final String[] NORMALIZING = {
        "Softmax", "LogSoftmax", "LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization"
    };

    private static final String[] HANDING_ON = {
        "Add", "Sub", "Mul", "Div", "Where", "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Cast"
    };

    private SeenThrough() {}

    static Set<String> of(Graph graph) {
        Set<String> through = new HashSet<>();
        for (Node node : List.copyOf(graph.nodes()).reversed()) {
            for (String output : node.outputs()) {
                List<Node> readers = graph.consumers(output);
                boolean all = !graph.isOutput(output)
                        && !readers.isEmpty()
                        && readers.stream()
                                .allMatch(reader -> reader.isAny(NORMALIZING)
                                        || reader.isAny(HANDING_ON) && through.contains(reader.output(0)));
                if (all) {
                    through.add(output);
                }
            }
        }
        return through;
    }
}
