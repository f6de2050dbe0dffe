package dev.nibble.quant.weight;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Turns keys, and queries by the same angle, within the pairs of channels that a rotary embedding turns. What the two
/// make together stays as it is: turning one pair commutes with the embedding, and turning both keeps their product.
///
/// Keys of trained models have channels that are far from zero for every token, and nearly constant; heads disagree about
/// which channel and which sign. One scale for all of them then reaches as far up as down. Turned so that the middle of each
/// pair lies at 45°, keys are positive and smaller by up to `√2`, and their steps up to a third as wide. That matters more
/// than for queries: an error that all keys share does not change what Softmax makes of them, but each key's own does.
///
/// Rotations that commute with the embedding are the only ones that fit between the two; others (J. Ashkboos et al.,
/// *QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs*, 2024) have to be computed on the device, behind it.
public final class RotateKeys {
    private RotateKeys() {}

    /// @param changes one for each product of queries and keys whose pairs were turned
    /// @param skipped by product, or `model` where there is none, why nothing was turned
    public record Result(Model model, List<String> changes, Map<String, String> skipped) {}

    /// The keys, whose channels are to be watched, with nothing seen yet.
    public static Map<String, ChannelActivity> observed(Model model) {
        Map<String, ChannelActivity> keys = new LinkedHashMap<>();
        RotaryHeads.of(model.graph())
                .forEach(pair -> keys.put(pair.keys().made(), new ChannelActivity(Float.POSITIVE_INFINITY, true)));
        return keys;
    }

    /// Turns the keys and queries of `model`.
    ///
    /// @param scope projections of keys
    /// @param activity of each value in [#observed]
    /// @param frozen weights, biases and values whose encodings are given
    public static Result apply(Model model, Scope scope, Map<String, ChannelActivity> activity, Set<String> frozen) {
        Graph graph = model.graph();
        Map<String, Tensor> changed = new LinkedHashMap<>();
        List<String> changes = new ArrayList<>();
        Map<String, String> skipped = new LinkedHashMap<>();
        for (RotaryHeads.Pair pair : RotaryHeads.of(graph)) {
            RotaryHeads keys = pair.keys();
            if (!scope.includes(keys.layer().node())) {
                continue;
            }
            ChannelActivity seen = activity.get(keys.made());
            if (isFrozen(keys, frozen) || isFrozen(pair.queries(), frozen)) {
                skipped.put(keys.layer().node().label(), "encodings of queries or keys are given");
            } else if (seen == null || seen.channels() != keys.layer().outputs()) {
                skipped.put(keys.layer().node().label(), "no sample shows its channels");
            } else {
                double[] angles = angles(keys, seen);
                turn(graph, keys, angles, 1, changed);
                turn(graph, pair.queries(), angles, pair.group(), changed);
                changes.add("%s: turned %d pairs of channels in %d heads, and those of %s with them"
                        .formatted(
                                keys.layer().node().label(),
                                angles.length,
                                keys.heads(),
                                pair.queries().layer().node().label()));
            }
        }
        if (changes.isEmpty() && skipped.isEmpty()) {
            skipped.put("model", "it has no queries and keys with a rotary embedding in halves");
        }
        Graph result = graph.edit(edit -> changed.forEach((name, values) -> edit.put(Initializer.of(name, values))));
        return new Result(changed.isEmpty() ? model : model.withGraph(result), changes, skipped);
    }

    private static boolean isFrozen(RotaryHeads heads, Set<String> frozen) {
        return frozen.contains(heads.layer().weight())
                || heads.bias() != null && frozen.contains(heads.bias())
                || frozen.contains(heads.made())
                || frozen.contains(heads.layer().node().output(0));
    }

    /// By head and pair, how far to turn so that the middle of what was seen comes to lie at 45°.
    private static double[] angles(RotaryHeads keys, ChannelActivity seen) {
        int half = keys.size() / 2;
        double[] angles = new double[keys.heads() * half];
        for (int i = 0; i < angles.length; i++) {
            int first = i / half * keys.size() + i % half;
            angles[i] = Math.PI / 4 - Math.atan2(middle(seen, first + half), middle(seen, first));
        }
        return angles;
    }

    private static double middle(ChannelActivity seen, int channel) {
        return ((double) seen.min(channel) + seen.max(channel)) / 2;
    }

    /// @param group heads side by side that have the angles of one head of keys
    private static void turn(Graph graph, RotaryHeads heads, double[] angles, int group, Map<String, Tensor> changed) {
        LinearLayer layer = heads.layer();
        Rows rows = layer.transposed()
                ? new Rows(layer.depth(), 1, layer.outputs())
                : new Rows(layer.depth(), layer.depth(), 1);
        changed.put(layer.weight(), turned(graph, layer.weight(), rows, heads, angles, group));
        String bias = heads.bias();
        if (bias != null) {
            changed.put(bias, turned(graph, bias, new Rows(1, 1, 1), heads, angles, group));
        }
    }

    /// Where the numbers of a channel lie.
    ///
    /// @param length how many it has
    /// @param across from one channel to the next
    /// @param along from one of its numbers to the next
    private record Rows(int length, int across, int along) {}

    private static Tensor turned(
            Graph graph, String constant, Rows rows, RotaryHeads heads, double[] angles, int group) {
        Tensor old = graph.initializer(constant).orElseThrow().tensor();
        float[] values = old.toFloats();
        int half = heads.size() / 2;
        for (int head = 0; head < heads.heads(); head++) {
            for (int i = 0; i < half; i++) {
                double angle = angles[head / group * half + i];
                double cos = Math.cos(angle);
                double sin = Math.sin(angle);
                int first = (head * heads.size() + i) * rows.across();
                int second = first + half * rows.across();
                for (int k = 0; k < rows.length(); k++) {
                    double x = values[first + k * rows.along()];
                    double y = values[second + k * rows.along()];
                    values[first + k * rows.along()] = (float) (cos * x - sin * y);
                    values[second + k * rows.along()] = (float) (sin * x + cos * y);
                }
            }
        }
        return Tensor.of(old.shape(), values);
    }
}
