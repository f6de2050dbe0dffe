package dev.nibble.quant.weight;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Moves a channel that is the same at every position of every sample into its bias, and sets its weights to 0.
///
/// A batch norm over such a channel divides by a variance of nothing, and folding it leaves huge weights that multiply
/// zeros; per tensor, they set the range of the whole weight. On the samples the model's function stays as it is. A
/// channel counts as constant only where samples that it was not found on agree, and where it keeps its distance: one
/// that its activation makes constant (a Relu that never fires) must stay beyond the bound by more than [#MARGIN] of
/// its own spread. A channel that fires on one image in fifty is quiet on thirty images and on ten others, but near.
public final class ZeroConstantChannels {
    /// The distance from an activation's bound that a channel must keep, as a share of its largest value less its least.
    public static final double MARGIN = 0.5;

    private ZeroConstantChannels() {}

    /// @param changes one for each layer; empty where there is nothing constant
    /// @param skipped by layer, why channels that looked constant were left alone; `model` where there was none
    public record Result(Model model, List<String> changes, Map<String, String> skipped) {}

    /// An empty [ChannelActivity] for each value that [#apply] wants to know of.
    public static Map<String, ChannelActivity> observed(Model model) {
        return EqualizeCrossLayer.observed(model);
    }

    /// Zeroes the constant channels of `model`.
    ///
    /// @param scope operators whose channels are looked at
    /// @param found activity over one part of the samples
    /// @param heldOut over the others
    public static Result apply(
            Model model, Scope scope, Map<String, ChannelActivity> found, Map<String, ChannelActivity> heldOut) {
        return apply(model, scope, found, heldOut, Set.of());
    }

    /// As [#apply(Model, Scope, Map, Map)], leaving layers alone whose weights or biases have given encodings.
    ///
    /// @param frozen weights and biases by name
    public static Result apply(
            Model model,
            Scope scope,
            Map<String, ChannelActivity> found,
            Map<String, ChannelActivity> heldOut,
            Set<String> frozen) {
        Graph graph = model.graph();
        List<String> changes = new ArrayList<>();
        Map<String, String> skipped = new LinkedHashMap<>();
        List<Initializer> edited = new ArrayList<>();
        ChannelSpaces spaces = ChannelSpaces.of(graph);
        for (ChannelSpaces.Linear linear : spaces.linears()) {
            LinearLayer layer = linear.layer();
            Node node = layer.node();
            if (frozen.contains(layer.weight()) || layer.bias() != null && frozen.contains(layer.bias())) {
                skipped.put(node.label(), "the encoding of its weight or bias is given");
                continue;
            }
            ChannelActivity first = found.get(node.output(0));
            ChannelActivity second = heldOut.get(node.output(0));
            Initializer biases =
                    graph.initializer(layer.bias() == null ? "" : layer.bias()).orElse(null);
            if (first == null || first.channels() != layer.outputs() || !scope.includes(node)) {
                continue;
            }
            if (second == null || second.channels() != layer.outputs()) {
                skipped.put(node.label(), "there are no samples to check constant channels on: give more");
                continue;
            }
            boolean rectified = spaces.isRectified(node.output(0));
            float[] weights =
                    layer.matrix(graph.initializer(layer.weight()).orElseThrow().tensor());
            float[] bias = biases == null ? new float[0] : biases.tensor().toFloats();
            int zeroed = 0;
            int changing = 0;
            int near = 0;
            int unbiased = 0;
            float largest = 0;
            for (int c = 0; c < layer.outputs(); c++) {
                float value = behind(first.max(c), rectified, first.cap());
                if (behind(first.min(c), rectified, first.cap()) != value || !weighs(weights, c, layer.depth())) {
                    continue;
                }
                boolean agrees = behind(second.min(c), rectified, first.cap()) == value
                        && behind(second.max(c), rectified, first.cap()) == value;
                boolean far = !rectified
                        || isFar(Math.min(first.min(c), second.min(c)), Math.max(first.max(c), second.max(c)), first);
                if (!agrees || !far || biases == null) {
                    changing += agrees ? 0 : 1;
                    near += agrees && !far ? 1 : 0;
                    unbiased += agrees && far ? 1 : 0;
                    continue;
                }
                for (int k = c * layer.depth(); k < (c + 1) * layer.depth(); k++) {
                    largest = Math.max(largest, Math.abs(weights[k]));
                    weights[k] = 0;
                }
                bias[c] = value;
                zeroed++;
            }
            if (changing + near + unbiased > 0) {
                skipped.put(node.label(), reasons(changing, near, unbiased));
            }
            if (zeroed > 0 && biases != null) {
                Tensor old = graph.initializer(layer.weight()).orElseThrow().tensor();
                edited.add(Initializer.of(layer.weight(), Tensor.of(old.shape(), layer.stored(weights))));
                edited.add(Initializer.of(biases.name(), Tensor.of(biases.shape(), bias)));
                changes.add("%s: %d of %d channels are constant on the samples; their weights (up to %.3g) are 0 now"
                        .formatted(node.label(), zeroed, layer.outputs(), largest));
            }
        }
        if (changes.isEmpty() && skipped.isEmpty()) {
            skipped.put("model", "no channel is constant on the samples");
        }
        Graph changed = edited.isEmpty() ? graph : graph.edit(edit -> edited.forEach(edit::put));
        return new Result(model.withGraph(changed), changes, skipped);
    }

    /// Whether what is computed from `min` to `max` is one number, or keeps its distance from the bounds of Relu or Clip.
    private static boolean isFar(float min, float max, ChannelActivity seen) {
        double margin = MARGIN * ((double) max - min);
        return min == max || max < -margin || min > seen.cap() + margin;
    }

    private static String reasons(int changing, int near, int unbiased) {
        List<String> reasons = new ArrayList<>();
        if (changing > 0) {
            reasons.add(changing + " channels are constant on some samples and not on others");
        }
        if (near > 0) {
            reasons.add(near + " channels are constant only behind their activation, and so near its bound that other "
                    + "samples may cross it");
        }
        if (unbiased > 0) {
            reasons.add(unbiased + " constant channels, but there is no bias to hold them");
        }
        return String.join("; ", reasons);
    }

    private static float behind(float value, boolean rectified, float cap) {
        return rectified ? Math.min(Math.max(value, 0), cap) : value;
    }

    private static boolean weighs(float[] weights, int row, int depth) {
        for (int k = row * depth; k < (row + 1) * depth; k++) {
            if (weights[k] != 0) {
                return true;
            }
        }
        return false;
    }
}
