package dev.nibble.quant.weight;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Moves what a channel has at least, in front of a Relu that it always passes, into the biases of the layers that read
/// it: `W max(0, x) + b = W max(0, x − c) + (b + W c)` as long as `x ≥ c` (bias absorption; Nagel et al., *Data-Free
/// Quantization Through Weight Equalization and Bias Correction*, ICCV 2019, with the least value on samples for `c` in
/// place of the mean less three deviations). The activation's range shrinks by `c`.
///
/// On the samples this is exact behind Relu. It is inexact where a channel reaches the cap of a Clip, since the cap does
/// not move along; where the layer that reads it pads with zeros, which stand for `c` then; and on samples below `c`.
/// So no named recipe has it, and what may be inexact is said.
public final class AbsorbHighBias {
    private final Graph graph;
    private final Map<String, ChannelActivity> activity;
    private final Map<Node, LinearLayer> layers = new LinkedHashMap<>();
    private final Map<String, float[]> biases = new LinkedHashMap<>();
    private final List<String> changes = new ArrayList<>();
    private final Map<String, String> skipped = new LinkedHashMap<>();

    /// @param changes one for each layer whose channels were lowered; empty where there was nothing to absorb
    /// @param skipped by layer, why its channels were left alone; `model` where none has a value to absorb
    public record Result(Model model, List<String> changes, Map<String, String> skipped) {}

    private AbsorbHighBias(Graph graph, Map<String, ChannelActivity> activity) {
        this.graph = graph;
        this.activity = activity;
        ChannelSpaces.of(graph)
                .linears()
                .forEach(linear -> layers.put(linear.layer().node(), linear.layer()));
    }

    /// Absorbs biases of `model`.
    ///
    /// @param scope operators whose channels are lowered
    /// @param activity of each value in [EqualizeCrossLayer#observed]
    /// @param frozen weights and biases whose encodings are given
    public static Result apply(Model model, Scope scope, Map<String, ChannelActivity> activity, Set<String> frozen) {
        AbsorbHighBias pass = new AbsorbHighBias(model.graph(), activity);
        pass.layers.forEach((node, layer) -> {
            if (scope.includes(node)) {
                pass.absorb(layer, frozen);
            }
        });
        if (pass.changes.isEmpty() && pass.skipped.isEmpty()) {
            pass.skipped.put("model", "no channel in front of a Relu stays above 0 on all samples");
        }
        Graph changed = model.graph()
                .edit(edit -> pass.biases.forEach((name, values) -> {
                    Tensor old = model.graph().initializer(name).orElseThrow().tensor();
                    edit.put(Initializer.of(name, Tensor.of(old.shape(), values)));
                }));
        return new Result(model.withGraph(changed), pass.changes, pass.skipped);
    }

    private void absorb(LinearLayer layer, Set<String> frozen) {
        Node node = layer.node();
        ChannelActivity seen = activity.get(node.output(0));
        List<Node> behind = graph.consumers(node.output(0));
        boolean rectified = behind.size() == 1
                && !graph.isOutput(node.output(0))
                && ChannelSpaces.of(graph).isRectified(node.output(0));
        if (!rectified || seen == null || seen.channels() != layer.outputs()) {
            return;
        }
        float[] least = new float[layer.outputs()];
        int lowered = 0;
        int atCap = 0;
        float largest = 0;
        for (int c = 0; c < least.length; c++) {
            if (seen.min(c) > 0 && seen.min(c) < seen.cap()) {
                least[c] = seen.min(c);
                lowered++;
                atCap += seen.max(c) > seen.cap() ? 1 : 0;
                largest = Math.max(largest, least[c]);
            }
        }
        if (lowered == 0) {
            return;
        }
        String value = behind.getFirst().output(0);
        String obstacle = obstacle(layer, value, frozen);
        if (obstacle != null) {
            skipped.put(node.label(), obstacle);
            return;
        }
        float[] own = bias(layer);
        for (int c = 0; c < least.length; c++) {
            own[c] -= least[c];
        }
        int padding = 0;
        for (Node reader : new LinkedHashSet<>(graph.consumers(value))) {
            LinearLayer next = layers.get(reader);
            absorbInto(Objects.requireNonNull(next), least);
            padding += pads(reader) ? 1 : 0;
        }
        changes.add("%s: lowered %d of %d channels by up to %.3g, which the biases behind take up%s%s"
                .formatted(
                        node.label(),
                        lowered,
                        layer.outputs(),
                        largest,
                        atCap > 0
                                ? "; inexact in %d channels that reach the cap of %s"
                                        .formatted(atCap, behind.getFirst())
                                : "",
                        padding > 0
                                ? "; inexact at the edges, where %d layers pad with zeros".formatted(padding)
                                : ""));
    }

    /// Why `layer` cannot hand anything to the readers of `value`; null where it can.
    private @Nullable String obstacle(LinearLayer layer, String value, Set<String> frozen) {
        if (layer.bias() == null) {
            return "it has no bias to lower";
        }
        if (frozen.contains(layer.bias())) {
            return "the encoding of its bias is given";
        }
        if (graph.isOutput(value)) {
            return "its activation is the graph's output";
        }
        for (Node reader : graph.consumers(value)) {
            LinearLayer next = layers.get(reader);
            if (next == null || !reader.input(0).equals(value)) {
                return reader + ", which reads it, has no bias that could take it up";
            }
            int read = next.depth() / next.taps() * next.groups();
            if (next.bias() == null || frozen.contains(next.bias()) || read != layer.outputs()) {
                return reader + ", which reads it, has no bias of its own that could take it up";
            }
        }
        return null;
    }

    private void absorbInto(LinearLayer next, float[] least) {
        float[] bias = bias(next);
        float[] weights =
                next.matrix(graph.initializer(next.weight()).orElseThrow().tensor());
        int perGroup = next.depth() / next.taps();
        for (int o = 0; o < next.outputs(); o++) {
            int first = o / next.outputsPerGroup() * perGroup;
            double sum = 0;
            for (int k = 0; k < next.depth(); k++) {
                sum += (double) weights[o * next.depth() + k] * least[first + k / next.taps()];
            }
            bias[o] += (float) sum;
        }
    }

    private float[] bias(LinearLayer layer) {
        String name = Objects.requireNonNull(layer.bias());
        return biases.computeIfAbsent(
                name, n -> graph.initializer(n).orElseThrow().tensor().toFloats());
    }

    private static boolean pads(Node node) {
        return Arrays.stream(node.intsAttribute("pads")).anyMatch(pad -> pad != 0);
    }
}
