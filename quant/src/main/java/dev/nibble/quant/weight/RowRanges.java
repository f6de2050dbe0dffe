package dev.nibble.quant.weight;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import java.util.Arrays;
import java.util.Optional;

/// The largest magnitude in each row of a layer's weight, before and after channels were prepared.
@SuppressWarnings("ArrayRecordComponent")
public record RowRanges(Node node, String weight, double[] before, double[] after) {
    /// Of the layer whose rows differed most before, among those that changed: the largest row against the middle one.
    ///
    /// @param after with the operators of `before`
    public static Optional<RowRanges> worst(Model before, Model after) {
        RowRanges worst = null;
        double most = 0;
        for (Node node : before.graph().nodes()) {
            if (!(LinearLayer.of(before.graph(), node) instanceof LinearLayer.Seen.Layer(LinearLayer layer))) {
                continue;
            }
            Initializer old = before.graph().initializer(layer.weight()).orElseThrow();
            Initializer fresh = after.graph().initializer(layer.weight()).orElse(old);
            if (fresh == old) {
                continue;
            }
            double[] first = ranges(layer, layer.matrix(old.tensor()));
            double[] second = ranges(layer, layer.matrix(fresh.tensor()));
            double spread = spread(first);
            if (!Arrays.equals(first, second) && spread > most) {
                most = spread;
                worst = new RowRanges(node, layer.weight(), first, second);
            }
        }
        return Optional.ofNullable(worst);
    }

    private static double[] ranges(LinearLayer layer, float[] weights) {
        double[] ranges = new double[layer.outputs()];
        for (int i = 0; i < weights.length; i++) {
            int row = i / layer.depth();
            ranges[row] = Math.max(ranges[row], Math.abs(weights[i]));
        }
        return ranges;
    }

    private static double spread(double[] ranges) {
        double[] sorted =
                Arrays.stream(ranges).filter(range -> range > 0).sorted().toArray();
        return sorted.length == 0 ? 0 : sorted[sorted.length - 1] / sorted[sorted.length / 2];
    }
}
