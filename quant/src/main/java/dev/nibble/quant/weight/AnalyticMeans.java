package dev.nibble.quant.weight;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Means of values that follow from batch norms alone, where there are no samples: a channel behind a batch norm counts
/// as normal with mean `β` and deviation `|γ|`, and Relu or Clip leave a clipped normal ([ClippedNormal]). Sums of
/// such values count as normal again, with independent terms; averages over positions keep the mean.
public final class AnalyticMeans {
    private final Graph graph;
    private final Map<String, BatchNormStatistics> statistics;
    private final Map<String, Channels> seen = new HashMap<>();

    /// @param known by value, its mean at every position: FLOAT, a leading axis of 1
    /// @param unknown by value, why nothing is known of it
    public record Result(Map<String, Tensor> known, Map<String, String> unknown) {}

    /// What is known of a value's channels, or why nothing is.
    ///
    /// @param normal whether the value counts as normal, so that clipping it has a rule
    private record Channels(ClippedNormal @Nullable [] moments, boolean normal, String reason) {
        static Channels none(String reason) {
            return new Channels(null, false, reason);
        }
    }

    private AnalyticMeans(Graph graph, Map<String, BatchNormStatistics> statistics) {
        this.graph = graph;
        this.statistics = statistics;
    }

    /// The means of `values`, each the input of a Conv or a Gemm.
    ///
    /// @param statistics by value of `graph`
    public static Result of(Graph graph, Set<String> values, Map<String, BatchNormStatistics> statistics) {
        AnalyticMeans means = new AnalyticMeans(graph, statistics);
        Map<String, Tensor> known = new LinkedHashMap<>();
        Map<String, String> unknown = new LinkedHashMap<>();
        // In the graph's order, so that what a value follows from is known before it, however deep the graph is.
        graph.nodes().forEach(node -> means.seen.put(node.output(0), means.channels(node)));
        for (String value : values) {
            Channels channels = means.of(value);
            ClippedNormal[] moments = channels.moments();
            long[] dims = means.dims(value, moments == null ? 0 : moments.length);
            if (moments == null) {
                unknown.put(value, channels.reason());
            } else if (dims.length == 0) {
                unknown.put(value, "the size of '" + value + "' is not known");
            } else {
                known.put(value, filled(Shape.of(dims), moments));
            }
        }
        return new Result(known, unknown);
    }

    private static Tensor filled(Shape shape, ClippedNormal[] moments) {
        float[] values = new float[Math.toIntExact(shape.elements())];
        int positions = values.length / moments.length;
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) moments[i / positions].mean();
        }
        return Tensor.of(shape, values);
    }

    /// The sizes of `value` with a leading 1; empty where they are not known.
    private long[] dims(String value, int channels) {
        ValueType.TensorType type =
                graph.valueInfo(value).flatMap(ValueInfo::tensorType).orElse(null);
        List<Dim> dims = type == null ? null : type.dims();
        if (dims == null || dims.size() < 2) {
            return new long[0];
        }
        long[] sizes = new long[dims.size()];
        sizes[0] = 1;
        long elements = 1;
        for (int i = 1; i < sizes.length; i++) {
            if (!(dims.get(i) instanceof Dim.Known(long size))) {
                return new long[0];
            }
            sizes[i] = size;
            elements *= size;
        }
        return channels > 0 && elements % channels == 0 ? sizes : new long[0];
    }

    private Channels of(String value) {
        return seen.getOrDefault(value, Channels.none("no batch norm stands before '" + value + "'"));
    }

    private Channels channels(Node node) {
        BatchNormStatistics own = statistics.get(node.output(0));
        if (own != null) {
            ClippedNormal[] moments = new ClippedNormal[own.means().length];
            for (int c = 0; c < moments.length; c++) {
                double deviation = own.deviations()[c];
                moments[c] = new ClippedNormal(own.means()[c], deviation * deviation);
            }
            return new Channels(moments, true, "");
        }
        return switch (node.isStandard() ? node.opType() : "") {
            case "Relu" -> clipped(node, 0, Double.POSITIVE_INFINITY);
            case "Clip" ->
                clipped(
                        node,
                        bound(node, 1, "min", Double.NEGATIVE_INFINITY),
                        bound(node, 2, "max", Double.POSITIVE_INFINITY));
            case "Add" -> sum(node);
            case "GlobalAveragePool" -> averaged(node);
            case "Flatten" ->
                node.intAttribute("axis", 1) == 1 ? of(node.input(0)) : Channels.none(node + " mixes channels");
            case "Identity", "Dropout" -> of(node.input(0));
            default -> Channels.none("no batch norm stands behind " + node);
        };
    }

    private double bound(Node node, int index, String attribute, double otherwise) {
        if (!node.hasInput(index)) {
            return node.floatAttribute(attribute, (float) otherwise);
        }
        return graph.constant(node.input(index))
                .filter(Initializer::hasData)
                .map(value -> (double) value.tensor().floatAt(0))
                .orElse(Double.NaN);
    }

    private Channels clipped(Node node, double low, double high) {
        Channels in = of(node.input(0));
        ClippedNormal[] moments = in.moments();
        if (moments == null) {
            return in;
        }
        if (!in.normal() || !(low <= high)) {
            return Channels.none("what " + node + " reads is not normal, or its bounds are computed");
        }
        ClippedNormal[] out = new ClippedNormal[moments.length];
        for (int c = 0; c < out.length; c++) {
            out[c] = moments[c].clipped(low, high);
        }
        return new Channels(out, false, "");
    }

    private Channels sum(Node node) {
        Channels first = of(node.input(0));
        Channels second = of(node.input(1));
        ClippedNormal[] a = first.moments();
        ClippedNormal[] b = second.moments();
        if (a == null || b == null) {
            return a == null ? first : second;
        }
        if (a.length != b.length) {
            return Channels.none(node + " adds values of other channels");
        }
        ClippedNormal[] out = new ClippedNormal[a.length];
        for (int c = 0; c < out.length; c++) {
            out[c] = new ClippedNormal(a[c].mean() + b[c].mean(), a[c].variance() + b[c].variance());
        }
        return new Channels(out, true, "");
    }

    private Channels averaged(Node node) {
        Channels in = of(node.input(0));
        return in.moments() == null ? in : new Channels(in.moments(), false, "");
    }
}
