package dev.nibble.quant.weight;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Balances the ranges of weights on both sides of every channel (cross-layer equalization; Nagel et al., *Data-Free
/// Quantization Through Weight Equalization and Bias Correction*, ICCV 2019), as one problem over the whole graph: each
/// channel has a positive factor `s`, values become `x / s`, rows of the weights that make it `W / s`, columns of those
/// that read it `W · s`, and the fixed point `s = √(r_out / r_in)` is iterated in the log domain. Which channels are
/// free and which are tied, [ChannelSpaces] says; so chains, residual streams, depthwise layers and branches are all
/// one case.
///
/// What a normalization makes has no weights in front of it, but a scale and a bias, which take up any factor. There the
/// range of the activation stands for that of the rows, and a share says how much of it moves into the weights behind:
/// `s = r_x^α / r_w^(1−α)` (SmoothQuant; Xiao et al., ICML 2023, arXiv 2211.10438). It is the same problem under another
/// [Rule], over the channels that begin at normalizations; [Rule.Weights] takes all others.
///
/// Under [Rule.Weights] activations bound the factors:
///
/// - No channel grows beyond the largest of its tensor: weights would get better and 8-bit activations worse.
/// - A Clip at a cap (ReLU6) has one bound for all channels. A channel that reaches the cap more often than
///   [#REACHING] keeps its factor at 1 under [Caps#KEPT]; for the others the cap counts as not binding, though it cuts
///   off up to that share. The other choices of [Caps] free the channels and change the caps.
public final class EqualizeCrossLayer {
    /// The share of positions at which a channel may exceed its cap and still count as not reaching it.
    public static final double REACHING = 0.001;

    private static final int SWEEPS = 60;
    private static final double CONVERGED = 1e-3;

    /// Factors beyond this would only move rounding errors of floats around.
    private static final double FARTHEST = Math.log(1 << 16);

    /// What is balanced against the weights that read a channel.
    public sealed interface Rule {
        /// The weights that make it.
        record Weights() implements Rule {}

        /// What a normalization makes, moved into the weights by a share.
        ///
        /// @param alpha 0: weights are left with equal ranges; 1: activations are
        record Activations(double alpha) implements Rule {
            public static final double ALPHA = 0.5;

            /// @throws IllegalArgumentException where `alpha` is not from 0 to 1
            public Activations {
                if (!(alpha >= 0 && alpha <= 1)) {
                    throw new IllegalArgumentException("alpha must be from 0 to 1, but was " + alpha);
                }
            }
        }
    }

    private final Graph graph;
    private final Rule rule;
    private final ChannelSpaces spaces;
    private final double[] log;
    private final double[] least;
    private final double[] most;

    /// By variable, the largest value of the channels that begin at normalizations; −1 for all others.
    private final double[] reached;

    /// By variable, whether a cap alone keeps its factor from growing.
    private final boolean[] capped;

    private final ChannelCaps caps;

    private int silent;

    private final List<float[]> weights = new ArrayList<>();

    /// @param model with other weights and biases; every name stays
    /// @param changes what was done; empty where nothing was
    /// @param skipped by node or value, why something was left alone
    /// @param keptDb by how much the weights' rows would be louder within their tensors' ranges, on average, were the
    ///     channels free that reach caps which are kept; 0 where there are none
    public record Result(Model model, List<String> changes, Map<String, String> skipped, double keptDb) {}

    private EqualizeCrossLayer(
            Model model, Rule rule, Set<String> frozen, Caps caps, Map<String, ChannelActivity> activity) {
        this.graph = model.graph();
        this.rule = rule;
        this.spaces = ChannelSpaces.of(graph, frozen);
        this.caps = new ChannelCaps(graph, spaces, Math.toIntExact(model.opset()), caps, activity);
        log = new double[spaces.variables()];
        least = new double[log.length];
        most = new double[log.length];
        Arrays.fill(least, -FARTHEST);
        Arrays.fill(most, FARTHEST);
        reached = new double[log.length];
        Arrays.fill(reached, -1);
        capped = new boolean[log.length];
        for (ChannelSpaces.Linear linear : spaces.linears()) {
            weights.add(linear.layer()
                    .matrix(graph.initializer(linear.layer().weight())
                            .orElseThrow()
                            .tensor()));
        }
    }

    /// An empty [ChannelActivity] for each value that [#apply] wants to know of.
    public static Map<String, ChannelActivity> observed(Model model) {
        Map<String, ChannelActivity> observed = new LinkedHashMap<>();
        ChannelSpaces spaces = ChannelSpaces.of(model.graph());
        for (ChannelSpaces.Linear linear : spaces.linears()) {
            String value = linear.layer().node().output(0);
            float cap = Float.POSITIVE_INFINITY;
            for (ChannelSpaces.Capped capped : spaces.capped()) {
                if (capped.node().input(0).equals(value)) {
                    cap = Math.min(cap, capped.cap());
                }
            }
            observed.put(value, new ChannelActivity(cap, spaces.onLastAxis(value)));
        }
        for (ChannelSpaces.Gain gain : spaces.gains()) {
            String value = gain.node().output(0);
            observed.put(value, new ChannelActivity(Float.POSITIVE_INFINITY, spaces.onLastAxis(value)));
        }
        return observed;
    }

    /// Equalizes `model` by its weights.
    ///
    /// @param scope operators whose weights may be scaled
    /// @param activity of each value in [#observed]
    public static Result apply(Model model, Scope scope, Map<String, ChannelActivity> activity) {
        return apply(model, new Rule.Weights(), scope, activity, Set.of());
    }

    /// Equalizes `model`, leaving alone what belongs to tensors whose encodings are given.
    ///
    /// @param scope linear operators whose weights may be scaled; the normalizations before them follow
    /// @param activity of each value in [#observed]
    /// @param frozen weights, biases and values by name
    public static Result apply(
            Model model, Rule rule, Scope scope, Map<String, ChannelActivity> activity, Set<String> frozen) {
        return apply(model, rule, scope, activity, frozen, Caps.KEPT);
    }

    /// As above, with a choice of what becomes of caps; it matters under [Rule.Weights] alone.
    public static Result apply(
            Model model, Rule rule, Scope scope, Map<String, ChannelActivity> activity, Set<String> frozen, Caps caps) {
        Caps taken = rule instanceof Rule.Weights ? caps : Caps.KEPT;
        return new EqualizeCrossLayer(model, rule, frozen, taken, activity).applied(model, scope, activity);
    }

    private Result applied(Model model, Scope scope, Map<String, ChannelActivity> activity) {
        Map<String, String> skipped = new LinkedHashMap<>();
        double keptDb = 0;
        leaveOut(scope, skipped);
        begin(activity, skipped);
        spaces.fixedBy().forEach(skipped::putIfAbsent);
        if (rule instanceof Rule.Weights) {
            int reaching = bound(activity);
            skipped.putAll(caps.skipped());
            for (ChannelSpaces.Capped unseen : caps.unseen()) {
                pin(unseen.channels());
                skipped.put(
                        unseen.node().label(),
                        "its channels are not scaled: how often they reach the cap is not known");
            }
            if (reaching > 0) {
                keptDb = gain();
                skipped.put("Clip", ChannelCaps.cost(reaching, spaces.capped().size(), keptDb));
            }
        } else if (spaces.gains().isEmpty()) {
            skipped.put("model", "no normalization and no constant vector scales channels");
        }
        int sweeps = solve();
        int moved = 0;
        for (int v = 0; v < log.length; v++) {
            moved += spaces.root(v) == v && Math.abs(log[v]) > CONVERGED ? 1 : 0;
        }
        if (silent > 0) {
            skipped.put("silent channels", silent + " channels are 0 on all samples; they are not made larger");
        }
        if (moved == 0) {
            return new Result(model, List.of(), skipped, keptDb);
        }
        String change = switch (rule) {
            case Rule.Weights() ->
                "scaled %d channels of %d layers (%d sweeps)"
                        .formatted(moved, spaces.linears().size(), sweeps);
            case Rule.Activations(double alpha) ->
                "moved the ranges of %d channels behind normalizations into the weights that read them (α = %s); %s"
                        .formatted(moved, alpha, spread());
        };
        List<String> changes = new ArrayList<>(List.of(change));
        changes.addAll(caps.changes(this::factor));
        return new Result(model.withGraph(written()), changes, skipped, keptDb);
    }

    /// How far the largest channel of a normalization lies above the middle one, before and after.
    private String spread() {
        double before = 0;
        double after = 0;
        int counted = 0;
        for (ChannelSpaces.Gain gain : spaces.gains()) {
            double[] ranges = new double[gain.out().length];
            double[] scaled = new double[ranges.length];
            for (int c = 0; c < ranges.length; c++) {
                ranges[c] = Math.max(reached[spaces.root(gain.out()[c])], 0);
                scaled[c] = ranges[c] / factor(gain.out()[c]);
            }
            Arrays.sort(ranges);
            Arrays.sort(scaled);
            int middle = ranges.length / 2;
            if (ranges[middle] > 0 && !spaces.isFixed(gain.out()[0])) {
                before += ranges[ranges.length - 1] / ranges[middle];
                after += scaled[ranges.length - 1] / scaled[middle];
                counted++;
            }
        }
        return String.format(
                Locale.ROOT,
                "their largest channel is %.1f times the middle one, and was %.1f, the mean of %d",
                after / Math.max(counted, 1),
                before / Math.max(counted, 1),
                counted);
    }

    /// Takes the channels that begin at normalizations out of the weights' rule, or all others out of theirs.
    private void begin(Map<String, ChannelActivity> activity, Map<String, String> skipped) {
        for (ChannelSpaces.Gain gain : spaces.gains()) {
            ChannelActivity seen = activity.get(gain.node().output(0));
            boolean known = seen != null && seen.channels() == gain.out().length;
            if (!known) {
                pin(gain.out());
                if (rule instanceof Rule.Activations) {
                    skipped.put(gain.node().label(), "its channels' ranges are not known");
                }
            }
            for (int c = 0; c < gain.out().length; c++) {
                int root = spaces.root(gain.out()[c]);
                double reach = known && seen != null ? Math.max(Math.abs(seen.min(c)), Math.abs(seen.max(c))) : 0;
                reached[root] = Math.max(reached[root], reach);
                silent += rule instanceof Rule.Activations && known && reach == 0 ? 1 : 0;
            }
        }
        boolean ofWeights = rule instanceof Rule.Weights;
        for (int v = 0; v < log.length; v++) {
            if (spaces.root(v) == v && (reached[v] >= 0) == ofWeights) {
                least[v] = 0;
                most[v] = 0;
            }
        }
    }

    /// What it costs that channels at their caps keep their factors, in dB of [#weightLevel].
    private double gain() {
        double[] bounded = most.clone();
        solve();
        double kept = weightLevel();
        for (ChannelSpaces.Linear linear : spaces.linears()) {
            for (int variable : linear.out()) {
                int root = spaces.root(variable);
                if (capped[root]) {
                    most[root] = FARTHEST;
                }
            }
        }
        Arrays.fill(log, 0);
        solve();
        double free = weightLevel();
        System.arraycopy(bounded, 0, most, 0, most.length);
        Arrays.fill(log, 0);
        return free - kept;
    }

    /// The mean square of each row against the square of its tensor's largest weight, in dB, over all rows.
    private double weightLevel() {
        double sum = 0;
        long rows = 0;
        for (int l = 0; l < spaces.linears().size(); l++) {
            LinearLayer layer = spaces.linears().get(l).layer();
            float[] values = scaled(l);
            double largest = 0;
            for (float value : values) {
                largest = Math.max(largest, Math.abs(value));
            }
            for (int o = 0; o < layer.outputs() && largest > 0; o++) {
                double squares = 0;
                for (int k = o * layer.depth(); k < (o + 1) * layer.depth(); k++) {
                    squares += (double) values[k] * values[k];
                }
                if (squares > 0) {
                    sum += 10 * Math.log10(squares / layer.depth() / largest / largest);
                    rows++;
                }
            }
        }
        return rows == 0 ? 0 : sum / rows;
    }

    private void leaveOut(Scope scope, Map<String, String> skipped) {
        for (ChannelSpaces.Linear linear : spaces.linears()) {
            Node node = linear.layer().node();
            if (!scope.includes(node)) {
                skipped.put(node.label(), "it is not in the step's scope");
                pin(linear.out());
                if (linear.in() != null) {
                    pin(linear.in());
                }
            }
        }
    }

    private void pin(int[] variables) {
        for (int variable : variables) {
            least[spaces.root(variable)] = 0;
            most[spaces.root(variable)] = 0;
            capped[spaces.root(variable)] = false;
        }
    }

    private int bound(Map<String, ChannelActivity> activity) {
        int reaching = 0;
        for (ChannelSpaces.Linear linear : spaces.linears()) {
            Node node = linear.layer().node();
            ChannelActivity seen = activity.get(node.output(0));
            if (seen == null || seen.channels() != linear.out().length) {
                pin(linear.out());
                continue;
            }
            boolean rectified = spaces.isRectified(node.output(0));
            Caps treated = caps.behind(node.output(0));
            float cap = treated == Caps.RELU ? Float.POSITIVE_INFINITY : seen.cap();
            float[] reach = new float[linear.out().length];
            float largest = 0;
            for (int c = 0; c < reach.length; c++) {
                float low = rectified ? 0 : Math.abs(seen.min(c));
                reach[c] = Math.min(Math.max(Math.max(seen.max(c), 0), low), cap);
                largest = Math.max(largest, reach[c]);
            }
            for (int c = 0; c < reach.length; c++) {
                int root = spaces.root(linear.out()[c]);
                least[root] = reach[c] > 0 ? Math.max(least[root], Math.log(reach[c] / largest)) : 0;
                silent += reach[c] > 0 ? 0 : 1;
                if (treated == Caps.KEPT && seen.shareAbove(c) > REACHING) {
                    capped[root] |= most[root] > 0;
                    most[root] = 0;
                    reaching++;
                }
            }
        }
        return reaching;
    }

    private int solve() {
        List<List<int[]>> rows = new ArrayList<>();
        List<List<int[]>> columns = new ArrayList<>();
        for (int v = 0; v < log.length; v++) {
            rows.add(new ArrayList<>());
            columns.add(new ArrayList<>());
        }
        for (int l = 0; l < spaces.linears().size(); l++) {
            ChannelSpaces.Linear linear = spaces.linears().get(l);
            for (int o = 0; o < linear.out().length; o++) {
                rows.get(spaces.root(linear.out()[o])).add(new int[] {l, o});
            }
            for (int c = 0; linear.in() != null && c < linear.in().length; c++) {
                columns.get(spaces.root(linear.in()[c])).add(new int[] {l, c});
            }
        }
        for (int sweep = 1; sweep <= SWEEPS; sweep++) {
            double change = 0;
            for (int v = 0; v < log.length; v++) {
                if (spaces.root(v) != v || spaces.isFixed(v) || least[v] > most[v]) {
                    continue;
                }
                double made = rule instanceof Rule.Activations ? reached[v] : 0;
                for (int[] row : rule instanceof Rule.Weights ? rows.get(v) : List.<int[]>of()) {
                    made = Math.max(made, rowRange(row[0], row[1]));
                }
                double read = 0;
                for (int[] column : columns.get(v)) {
                    read = Math.max(read, columnRange(column[0], column[1]));
                }
                if (made > 0 && read > 0) {
                    double share = rule instanceof Rule.Activations(double alpha) ? alpha : 0.5;
                    double wanted =
                            Math.clamp(share * Math.log(made) - (1 - share) * Math.log(read), least[v], most[v]);
                    change = Math.max(change, Math.abs(wanted - log[v]));
                    log[v] = wanted;
                }
            }
            if (change < CONVERGED) {
                return sweep;
            }
        }
        return SWEEPS;
    }

    private double factor(int variable) {
        return Math.exp(log[spaces.root(variable)]);
    }

    private static int firstInput(LinearLayer layer, int row) {
        return row / layer.outputsPerGroup() * (layer.depth() / layer.taps());
    }

    /// The largest weight of a row, its columns' factors applied and its own left away.
    private double rowRange(int l, int row) {
        ChannelSpaces.Linear linear = spaces.linears().get(l);
        LinearLayer layer = linear.layer();
        float[] values = weights.get(l);
        double largest = 0;
        int first = firstInput(layer, row);
        for (int c = 0; c < layer.depth() / layer.taps(); c++) {
            double factor = linear.in() == null ? 1 : factor(linear.in()[first + c]);
            for (int t = 0; t < layer.taps(); t++) {
                largest = Math.max(largest, Math.abs(values[row * layer.depth() + c * layer.taps() + t]) * factor);
            }
        }
        return largest;
    }

    /// The largest weight of a column, its rows' factors applied and its own left away.
    private double columnRange(int l, int column) {
        ChannelSpaces.Linear linear = spaces.linears().get(l);
        LinearLayer layer = linear.layer();
        float[] values = weights.get(l);
        int perGroup = layer.depth() / layer.taps();
        int group = column / perGroup;
        double largest = 0;
        for (int o = group * layer.outputsPerGroup(); o < (group + 1) * layer.outputsPerGroup(); o++) {
            double factor = factor(linear.out()[o]);
            for (int t = 0; t < layer.taps(); t++) {
                int at = o * layer.depth() + column % perGroup * layer.taps() + t;
                largest = Math.max(largest, Math.abs(values[at]) / factor);
            }
        }
        return largest;
    }

    /// The weight of linear operator `l` with its factors, as rows of the matrix.
    private float[] scaled(int l) {
        ChannelSpaces.Linear linear = spaces.linears().get(l);
        LinearLayer layer = linear.layer();
        float[] values = weights.get(l).clone();
        int[] in = linear.in();
        for (int o = 0; o < layer.outputs(); o++) {
            int first = firstInput(layer, o);
            double own = factor(linear.out()[o]);
            for (int k = 0; k < layer.depth(); k++) {
                double column = in == null ? 1 : factor(in[first + k / layer.taps()]);
                int at = o * layer.depth() + k;
                values[at] = (float) (values[at] * column / own);
            }
        }
        return values;
    }

    private Graph written() {
        return graph.edit(edit -> {
            for (int l = 0; l < spaces.linears().size(); l++) {
                ChannelSpaces.Linear linear = spaces.linears().get(l);
                LinearLayer layer = linear.layer();
                Tensor old = graph.initializer(layer.weight()).orElseThrow().tensor();
                edit.put(Initializer.of(layer.weight(), Tensor.of(old.shape(), layer.stored(scaled(l)))));
                divided(layer.bias(), linear.out()).ifPresent(edit::put);
            }
            for (ChannelSpaces.Gain gain : spaces.gains()) {
                divided(gain.scale(), gain.out()).ifPresent(edit::put);
                divided(gain.shift(), gain.out()).ifPresent(edit::put);
            }
            for (ChannelSpaces.Shift shift : spaces.shifts()) {
                divided(shift.constant(), shift.channels()).ifPresent(edit::put);
            }
            caps.write(edit, this::factor);
        });
    }

    /// The constant `name` with each channel divided by its factor.
    private Optional<Initializer> divided(@Nullable String name, int[] channels) {
        return graph.initializer(name == null ? "" : name).map(old -> {
            float[] values = old.tensor().toFloats();
            for (int o = 0; o < values.length; o++) {
                values[o] = (float) (values[o] / factor(channels[o]));
            }
            return Initializer.of(old.name(), Tensor.of(old.shape(), values));
        });
    }
}
