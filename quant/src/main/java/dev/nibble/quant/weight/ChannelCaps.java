package dev.nibble.quant.weight;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Graph;
import dev.nibble.graph.GraphEdit;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntToDoubleFunction;

/// The caps (Clip from 0 on, ReLU6) of a graph whose channels are scaled, under one choice of [Caps].
///
/// [Caps#EXACT] leaves Clip at the largest scaled cap, so that it stays what the operator in front is fused with, and
/// puts Min with a constant of shape [C, 1, …] behind it. A cap that lies above everything its tensor holds on the
/// samples is lowered to the tensor's largest value, which is where 8-bit codes end as well: a constant that spans
/// caps of quiet channels would have a coarse grid for the others.
final class ChannelCaps {
    /// The share of a tensor's values on the samples at which its cap still counts as not binding.
    static final double BINDS = 0.001;

    /// Min broadcasts from this opset on.
    private static final int BROADCASTS = 8;

    /// Clip's bounds are inputs from this opset on.
    private static final int BOUNDS_ARE_INPUTS = 11;

    /// A factor whose logarithm is nearer to 0 than this counts as 1.
    private static final double ONE = 1e-3;

    private final Graph graph;
    private final int opset;
    private final Map<ChannelSpaces.Capped, Caps> treated = new LinkedHashMap<>();
    private final Map<String, ChannelSpaces.Capped> behind = new LinkedHashMap<>();
    private final Map<String, ChannelActivity> activity;
    private final Map<String, String> skipped = new LinkedHashMap<>();
    private final Caps wanted;

    ChannelCaps(Graph graph, ChannelSpaces spaces, int opset, Caps wanted, Map<String, ChannelActivity> activity) {
        this.graph = graph;
        this.opset = opset;
        this.wanted = wanted;
        this.activity = activity;
        for (ChannelSpaces.Capped capped : spaces.capped()) {
            String value = capped.node().input(0);
            ChannelActivity seen = activity.get(value);
            boolean known = seen != null && seen.channels() == capped.channels().length;
            String obstacle = wanted == Caps.KEPT || seen == null || !known
                    ? ""
                    : graph.consumers(value).size() > 1 || graph.isOutput(value)
                            ? "other operators read '" + value + "' too"
                            : obstacle(capped, seen);
            treated.put(capped, known && obstacle.isEmpty() ? wanted : Caps.KEPT);
            behind.put(value, capped);
            if (!obstacle.isEmpty()) {
                skipped.put(
                        capped.node().label(),
                        "Clip stays, and channels that reach its cap their factors: " + obstacle);
            }
        }
    }

    /// How many axes `value` has, which is what the weight has where a Conv made it; −1 where that is not known.
    private int rank(String value) {
        return graph.producer(value)
                .filter(node -> node.is("Conv"))
                .flatMap(node -> graph.initializer(node.input(1)))
                .map(weight -> weight.shape().rank())
                .orElseGet(() -> new Axes(graph).rank(value));
    }

    /// Why a cap cannot be treated as wanted; empty where it can.
    private String obstacle(ChannelSpaces.Capped capped, ChannelActivity seen) {
        double share = share(seen);
        return switch (wanted) {
            case KEPT -> "";
            case EXACT ->
                opset < BROADCASTS
                        ? "Min does not broadcast before opset " + BROADCASTS
                        : rank(capped.node().input(0)) < 2
                                ? "how many axes '" + capped.node().input(0) + "' has is not known"
                                : "";
            case RELU ->
                share > BINDS
                        ? String.format(
                                Locale.ROOT,
                                "%.2f %% of the values exceed the cap of %s, more than %.1f %%",
                                100 * share,
                                capped.cap(),
                                100 * BINDS)
                        : "";
        };
    }

    private static double share(ChannelActivity seen) {
        double sum = 0;
        for (int c = 0; c < seen.channels(); c++) {
            sum += seen.shareAbove(c);
        }
        return seen.channels() == 0 ? 0 : sum / seen.channels();
    }

    /// By Clip, why it is not treated as wanted.
    Map<String, String> skipped() {
        return skipped;
    }

    /// What becomes of the cap behind `value`; [Caps#KEPT] where there is none.
    Caps behind(String value) {
        ChannelSpaces.Capped capped = behind.get(value);
        return capped == null ? Caps.KEPT : treated.getOrDefault(capped, Caps.KEPT);
    }

    /// The caps in front of which no linear operator stands, so that nobody saw whether they are reached.
    List<ChannelSpaces.Capped> unseen() {
        return treated.keySet().stream()
                .filter(capped -> !activity.containsKey(capped.node().input(0)))
                .toList();
    }

    /// The caps that are written anew, were `log` the logarithms of the channels' factors.
    private List<ChannelSpaces.Capped> changed(IntToDoubleFunction factor) {
        return treated.keySet().stream()
                .filter(capped -> treated.get(capped) != Caps.KEPT)
                .filter(capped -> Arrays.stream(capped.channels())
                        .anyMatch(v -> Math.abs(Math.log(factor.applyAsDouble(v))) > ONE))
                .toList();
    }

    /// What [#write] does, in words; empty where that is nothing.
    ///
    /// @param factor by variable
    List<String> changes(IntToDoubleFunction factor) {
        List<ChannelSpaces.Capped> changed = changed(factor);
        if (changed.isEmpty()) {
            return List.of();
        }
        if (wanted == Caps.EXACT) {
            return List.of(
                    ("gave each channel a cap of its own behind %d Clip: a Min with a constant each, an operator more that "
                                    + "the HTP does not fuse; caps = \"kept\" adds none")
                            .formatted(changed.size()));
        }
        double most = 0;
        for (ChannelSpaces.Capped capped : changed) {
            ChannelActivity seen = activity.get(capped.node().input(0));
            most = Math.max(most, seen == null ? 0 : share(seen));
        }
        return List.of(String.format(
                Locale.ROOT,
                "put Relu in place of %d Clip, of whose values on the samples at most %.3f %% exceed the cap; these "
                        + "are no longer cut off, nor what exceeds it in other samples",
                changed.size(),
                100 * most));
    }

    /// Writes the caps of scaled channels.
    ///
    /// @param factor by variable, what its channel is divided by
    void write(GraphEdit edit, IntToDoubleFunction factor) {
        for (ChannelSpaces.Capped capped : changed(factor)) {
            Node clip = capped.node();
            if (wanted == Caps.RELU) {
                edit.replace(clip, Node.of(clip.name(), "Relu", List.of(clip.input(0)), clip.outputs()));
            } else {
                exact(edit, capped, factor);
            }
        }
    }

    private void exact(GraphEdit edit, ChannelSpaces.Capped capped, IntToDoubleFunction factor) {
        Node clip = capped.node();
        float[] caps = scaled(capped, factor);
        float highest = 0;
        for (float cap : caps) {
            highest = Math.max(highest, cap);
        }
        long[] dims = new long[rank(clip.input(0)) - 1];
        Arrays.fill(dims, 1);
        dims[0] = caps.length;
        String constant = edit.freshName(clip.output(0) + "_caps");
        edit.put(Initializer.of(constant, Tensor.of(Shape.of(dims), caps)));
        String between = edit.freshName(clip.output(0) + "_below_cap");
        List<String> inputs = new ArrayList<>(clip.inputs());
        Node bounded;
        if (opset < BOUNDS_ARE_INPUTS) {
            bounded = clip.withAttribute(Attribute.of("max", highest));
        } else {
            String most = edit.freshName(clip.output(0) + "_cap");
            edit.put(Initializer.of(most, Tensor.of(Shape.SCALAR, highest)));
            inputs.set(2, most);
            bounded = clip.withInputs(inputs);
        }
        edit.replace(
                clip,
                bounded.withOutputs(List.of(between)),
                Node.of(
                        clip.name().isEmpty() ? "" : clip.name() + "_caps",
                        "Min",
                        List.of(between, constant),
                        clip.outputs()));
    }

    /// The cap of each channel, divided by its factor, but none beyond the tensor's largest value on the samples.
    private float[] scaled(ChannelSpaces.Capped capped, IntToDoubleFunction factor) {
        ChannelActivity seen = activity.get(capped.node().input(0));
        float[] caps = new float[capped.channels().length];
        float largest = 0;
        for (int c = 0; c < caps.length; c++) {
            double own = factor.applyAsDouble(capped.channels()[c]);
            caps[c] = (float) (capped.cap() / own);
            float reach = seen == null ? 0 : Math.min(seen.max(c), capped.cap());
            largest = Math.max(largest, (float) (reach / own));
        }
        for (int c = 0; c < caps.length && largest > 0; c++) {
            caps[c] = Math.min(caps[c], largest);
        }
        return caps;
    }

    /// What keeping the caps costs, or would.
    ///
    /// @param reaching channels that reach their cap
    /// @param gainDb by how much the weights' rows would be louder, were all of them free
    static String cost(int reaching, int clips, double gainDb) {
        return String.format(
                Locale.ROOT,
                "%d channels reach their cap at more than %.1f %% of the positions; their factors stay 1, and Clip "
                        + "cuts them off as before. A cap for each channel (%d Min with a constant) would make the "
                        + "weights' rows %.1f dB louder within their tensors' ranges, on average",
                reaching,
                100 * EqualizeCrossLayer.REACHING,
                clips,
                gainDb);
    }
}
