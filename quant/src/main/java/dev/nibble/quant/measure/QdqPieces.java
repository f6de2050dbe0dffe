package dev.nibble.quant.measure;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.ValueInfo;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// A QDQ model cut at every quantizer of an activation: each layer computes from float values that are fed to it,
/// with its own quantizers and nobody else's error.
///
/// @param model the cut model; its inputs are [#feeds]
/// @param feeds by float value, the name of the input that stands for it
/// @param results by float value, the name of the value that has been computed and quantized
public record QdqPieces(Model model, Map<String, String> feeds, Map<String, String> results) {
    /// Cuts `qdq` at every QuantizeLinear of a value that is not a constant.
    public static QdqPieces cut(Model qdq) {
        Graph graph = qdq.graph();
        Map<String, String> feeds = new LinkedHashMap<>();
        Map<String, String> results = new LinkedHashMap<>();
        Set<String> inputs = new HashSet<>();
        graph.feeds().forEach(input -> inputs.add(input.name()));
        Graph cut = graph.edit(edit -> {
            List<ValueInfo> declared = new ArrayList<>();
            for (Node quantize : graph.nodes()) {
                String value = quantize.input(0);
                if (!quantize.is("QuantizeLinear")
                        || graph.constant(value).isPresent()
                        || graph.producer(value)
                                .filter(p -> p.is("DequantizeLinear"))
                                .isPresent()) {
                    continue;
                }
                List<Node> ends = graph.consumers(quantize.output(0));
                if (ends.isEmpty() || !ends.stream().allMatch(n -> n.is("DequantizeLinear"))) {
                    continue;
                }
                boolean isInput = inputs.contains(value);
                if (!isInput) {
                    results.putIfAbsent(value, ends.getFirst().output(0));
                }
                String feed = feeds.computeIfAbsent(value, v -> edit.freshName(v + "/fed"));
                String codes = edit.freshName(value + "/fed/codes");
                edit.add(quantize.withName(edit.freshName(quantize.name() + "/fed"))
                        .withInput(0, feed)
                        .withOutputs(List.of(codes)));
                for (Node dequantize : ends) {
                    String seen = edit.freshName(dequantize.output(0) + "/fed");
                    edit.replaceUses(dequantize.output(0), seen);
                    edit.add(dequantize
                            .withName(edit.freshName(dequantize.name() + "/fed"))
                            .withInput(0, codes)
                            .withOutputs(List.of(seen)));
                }
                if (isInput) {
                    edit.removeAll(ends);
                    edit.remove(quantize);
                }
            }
            feeds.values().forEach(feed -> declared.add(Feeds.floatInput(feed)));
            graph.inputs().stream()
                    .filter(input -> !feeds.containsKey(input.name()))
                    .forEach(declared::add);
            edit.setInputs(declared);
            List<ValueInfo> outputs = graph.outputs().stream()
                    .filter(output -> !graph.producer(output.name())
                            .map(n -> n.is("DequantizeLinear") && inputs.contains(n.input(0)))
                            .orElse(false))
                    .toList();
            edit.setOutputs(outputs);
        });
        return new QdqPieces(qdq.withGraph(cut), feeds, results);
    }
}
