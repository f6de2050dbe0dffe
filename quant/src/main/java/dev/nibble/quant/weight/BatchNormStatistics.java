package dev.nibble.quant.weight;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import java.util.LinkedHashMap;
import java.util.Map;

/// What batch norms say about the channels behind them, read before they are folded: channel `c` has mean `β_c` and
/// standard deviation `|γ_c|` over the training data.
///
/// @param means `β`, a value a channel
/// @param deviations `|γ|`
@SuppressWarnings("ArrayRecordComponent")
public record BatchNormStatistics(double[] means, double[] deviations) {
    /// @throws IllegalArgumentException where lengths differ
    public BatchNormStatistics {
        if (means.length != deviations.length) {
            throw new IllegalArgumentException(means.length + " means, but " + deviations.length + " deviations");
        }
    }

    /// The statistics of each value that a batch norm of `model` makes.
    ///
    /// @param renamed values of `model` that go by another name where the statistics are wanted
    public static Map<String, BatchNormStatistics> of(Model model, Map<String, String> renamed) {
        Graph graph = model.graph();
        Map<String, BatchNormStatistics> found = new LinkedHashMap<>();
        for (Node node : graph.nodes()) {
            Initializer gamma = graph.constant(node.input(1)).orElse(null);
            Initializer beta = graph.constant(node.input(2)).orElse(null);
            if (node.is("BatchNormalization")
                    && gamma != null
                    && beta != null
                    && gamma.hasData()
                    && beta.hasData()
                    && gamma.shape().equals(beta.shape())) {
                double[] means = new double[Math.toIntExact(beta.shape().elements())];
                double[] deviations = new double[means.length];
                for (int c = 0; c < means.length; c++) {
                    means[c] = beta.tensor().floatAt(c);
                    deviations[c] = Math.abs(gamma.tensor().floatAt(c));
                }
                String value = node.output(0);
                found.put(renamed.getOrDefault(value, value), new BatchNormStatistics(means, deviations));
            }
        }
        return found;
    }
}
