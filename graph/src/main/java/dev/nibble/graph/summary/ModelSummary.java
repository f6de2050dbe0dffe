package dev.nibble.graph.summary;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// A model at a glance: what `inspect` shows.
///
/// @param opsets version by domain; ONNX's own domain is the empty name
/// @param operators nodes by operator type, most frequent first, those of subgraphs and functions included;
///     operators of other domains as `domain::Type`
/// @param parameters elements of all stored tensors but INT64 (shapes and indices), BOOL and STRING ones, whether
///     their data are here or not
/// @param bytesByType bytes that stored tensors take packed, by element type; types that are not known as
///     `type 99`
/// @param stripped stored tensors without data
/// @param macs multiply-accumulate operations of one run (1 MAC = 2 operations), as far as shapes are known
/// @param macsByNode MACs of each node that has some, by label, in running order
/// @param withoutRule operators that may multiply, but for which there is no rule, with their number; counted as 0
/// @param withoutShape nodes whose rule needs a shape that is not known, and nodes inside subgraphs and functions,
///     which run nobody knows how often; counted as 0
public record ModelSummary(
        long irVersion,
        String producer,
        Map<String, Long> opsets,
        List<ValueInfo> inputs,
        List<ValueInfo> outputs,
        int nodes,
        Map<String, Integer> operators,
        long parameters,
        Map<String, Long> bytesByType,
        int stripped,
        long macs,
        Map<String, Long> macsByNode,
        Map<String, Integer> withoutRule,
        List<String> withoutShape) {
    /// Counts. Shapes must have been inferred (see [dev.nibble.graph.shape.ShapeInference]) and be fixed (see
    /// [dev.nibble.graph.shape.BindShapes]), or the MACs of what is open are missing and that is listed.
    public static ModelSummary of(Model model) {
        Counter counter = new Counter();
        counter.graph(model.graph(), true);
        for (Model.Function function : model.functions()) {
            Graph body = Graph.of(function.name(), function.nodes(), List.of(), List.of(), List.of());
            counter.graph(body, false);
        }
        return new ModelSummary(
                model.irVersion(),
                (model.producerName() + " " + model.producerVersion()).strip(),
                model.opsets(),
                model.graph().feeds(),
                model.graph().outputs(),
                counter.operators.values().stream().mapToInt(Integer::intValue).sum(),
                mostFirst(counter.operators),
                counter.parameters,
                counter.bytesByType,
                counter.stripped,
                counter.macs.values().stream().mapToLong(Long::longValue).sum(),
                counter.macs,
                counter.withoutRule,
                List.copyOf(counter.withoutShape));
    }

    private static Map<String, Integer> mostFirst(Map<String, Integer> counts) {
        Map<String, Integer> sorted = new LinkedHashMap<>();
        counts.entrySet().stream()
                .sorted(Map.Entry.<String, Integer>comparingByValue(Comparator.reverseOrder())
                        .thenComparing(Map.Entry.comparingByKey()))
                .forEach(e -> sorted.put(e.getKey(), e.getValue()));
        return sorted;
    }

    private static final class Counter {
        /// Shapes, indices, masks and texts are no parameters.
        static final Set<Integer> NO_PARAMETERS =
                Set.of(DataType.INT64.code(), DataType.BOOL.code(), DataType.STRING.code());

        final Map<String, Integer> operators = new TreeMap<>();
        final Map<String, Long> bytesByType = new TreeMap<>();
        final Map<String, Long> macs = new LinkedHashMap<>();
        final Map<String, Integer> withoutRule = new TreeMap<>();
        final List<String> withoutShape = new ArrayList<>();
        long parameters;
        int stripped;

        /// @param counted whether the nodes run once for each run of the model
        void graph(Graph graph, boolean counted) {
            graph.initializers().forEach(this::stored);
            for (Node node : graph.nodes()) {
                operators.merge(
                        node.isStandard() ? node.opType() : node.domain() + "::" + node.opType(), 1, Integer::sum);
                for (Attribute attribute : node.attributes()) {
                    if (attribute.value() instanceof Attribute.Value.OfTensor(Initializer tensor)) {
                        stored(tensor);
                    }
                    // How often a body runs, or which branch, is not known before the run.
                    attribute.graphs().forEach(g -> graph(g, false));
                }
                Macs.Count count = Macs.of(node, graph);
                switch (count) {
                    case Macs.Count.Known(long n) when counted && n > 0 -> macs.merge(node.label(), n, Long::sum);
                    case Macs.Count.Known(long n) when n > 0 -> withoutShape.add(node.label());
                    case Macs.Count.Known known -> {}
                    case Macs.Count.NoShape none -> withoutShape.add(node.label());
                    case Macs.Count.NoRule none -> withoutRule.merge(node.opType(), 1, Integer::sum);
                }
            }
        }

        private void stored(Initializer tensor) {
            String type =
                    DataType.ofCode(tensor.typeCode()).map(DataType::onnxName).orElse("type " + tensor.typeCode());
            bytesByType.merge(type, tensor.packedBytes(), Long::sum);
            if (!NO_PARAMETERS.contains(tensor.typeCode())) {
                parameters += tensor.shape().elements();
            }
            stripped += tensor.hasData() ? 0 : 1;
        }
    }
}
