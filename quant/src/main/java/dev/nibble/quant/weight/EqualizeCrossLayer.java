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
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Balances the ranges of weights on both sides of every channel (cross-layer equalization; Nagel et al., *Data-Free
/// Quantization Through Weight Equalization and Bias Correction*, ICCV 2019), as one problem over the whole graph: each
/// channel has a positive factor `s`, values become `x / s`, rows of the weights that make it `W / s`, columns of those
/// that read it `W · s`, and the fixed point `s = √(r_out / r_in)` is iterated in the log domain. Which channels are
/// free and which are tied, [ChannelSpaces] says; so chains, residual streams, depthwise layers and branches are all
/// one case.
///
/// Activations bound the factors:
///
/// - No channel grows beyond the largest of its tensor: weights would get better and 8-bit activations worse.
/// - A Clip at a cap (ReLU6) has one bound for all channels. A channel that reaches the cap more often than
///   [#REACHING] keeps its factor at 1, so that its cap is exact; for the others the cap does not bind.
public final class EqualizeCrossLayer {
    /// The share of positions at which a channel may exceed its cap and still count as not reaching it.
    public static final double REACHING = 0.001;

    private static final int SWEEPS = 60;
    private static final double CONVERGED = 1e-3;

    /// Factors beyond this would only move rounding errors of floats around.
    private static final double FARTHEST = Math.log(1 << 16);

    private final Graph graph;
    private final ChannelSpaces spaces;
    private final double[] log;
    private final double[] least;
    private final double[] most;
    private final List<float[]> weights = new ArrayList<>();

    /// @param model with other weights and biases; every name stays
    /// @param changes what was done; empty where nothing was
    /// @param skipped by node or value, why something was left alone
    public record Result(Model model, List<String> changes, Map<String, String> skipped) {}

    private EqualizeCrossLayer(Graph graph, Set<String> frozen) {
        this.graph = graph;
        this.spaces = ChannelSpaces.of(graph, frozen);
        log = new double[spaces.variables()];
        least = new double[log.length];
        most = new double[log.length];
        Arrays.fill(least, -FARTHEST);
        Arrays.fill(most, FARTHEST);
        for (ChannelSpaces.Linear linear : spaces.linears()) {
            weights.add(linear.layer()
                    .matrix(graph.initializer(linear.layer().weight())
                            .orElseThrow()
                            .tensor()));
        }
    }

    /// The values whose [ChannelActivity] [#apply] wants, with the cap behind each (infinite where there is none).
    public static Map<String, Float> observed(Model model) {
        Map<String, Float> observed = new LinkedHashMap<>();
        ChannelSpaces spaces = ChannelSpaces.of(model.graph());
        for (ChannelSpaces.Linear linear : spaces.linears()) {
            observed.put(linear.layer().node().output(0), Float.POSITIVE_INFINITY);
        }
        spaces.capped()
                .forEach(capped -> observed.computeIfPresent(capped.node().input(0), (v, c) -> capped.cap()));
        return observed;
    }

    /// Equalizes `model`.
    ///
    /// @param scope operators whose weights may be scaled
    /// @param activity of each value in [#observed]
    public static Result apply(Model model, Scope scope, Map<String, ChannelActivity> activity) {
        return apply(model, scope, activity, Set.of());
    }

    /// As [#apply(Model, Scope, Map)], leaving alone what belongs to tensors whose encodings are given.
    ///
    /// @param frozen weights, biases and values by name
    public static Result apply(Model model, Scope scope, Map<String, ChannelActivity> activity, Set<String> frozen) {
        EqualizeCrossLayer run = new EqualizeCrossLayer(model.graph(), frozen);
        Map<String, String> skipped = new LinkedHashMap<>(run.spaces.fixedBy());
        run.leaveOut(scope, skipped);
        int reaching = run.bound(activity);
        if (reaching > 0) {
            skipped.put(
                    "Clip",
                    "%d channels reach their cap at more than %.1f %% of the positions; their factors stay 1"
                            .formatted(reaching, 100 * REACHING));
        }
        int sweeps = run.solve();
        int moved = 0;
        for (int v = 0; v < run.log.length; v++) {
            moved += run.spaces.root(v) == v && Math.abs(run.log[v]) > CONVERGED ? 1 : 0;
        }
        if (moved == 0) {
            return new Result(model, List.of(), skipped);
        }
        Graph changed = run.written();
        return new Result(
                model.withGraph(changed),
                List.of("scaled %d channels of %d layers (%d sweeps)"
                        .formatted(moved, run.spaces.linears().size(), sweeps)),
                skipped);
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
            float[] reach = new float[linear.out().length];
            float largest = 0;
            for (int c = 0; c < reach.length; c++) {
                float low = rectified ? 0 : Math.abs(seen.min(c));
                reach[c] = Math.min(Math.max(Math.max(seen.max(c), 0), low), seen.cap());
                largest = Math.max(largest, reach[c]);
            }
            for (int c = 0; c < reach.length; c++) {
                int root = spaces.root(linear.out()[c]);
                if (reach[c] > 0) {
                    least[root] = Math.max(least[root], Math.log(reach[c] / largest));
                }
                if (seen.shareAbove(c) > REACHING) {
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
                double made = 0;
                for (int[] row : rows.get(v)) {
                    made = Math.max(made, rowRange(row[0], row[1]));
                }
                double read = 0;
                for (int[] column : columns.get(v)) {
                    read = Math.max(read, columnRange(column[0], column[1]));
                }
                if (made > 0 && read > 0) {
                    double wanted = Math.clamp(0.5 * Math.log(made / read), least[v], most[v]);
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

    private Graph written() {
        return graph.edit(edit -> {
            for (int l = 0; l < spaces.linears().size(); l++) {
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
                Tensor old = graph.initializer(layer.weight()).orElseThrow().tensor();
                edit.put(Initializer.of(layer.weight(), Tensor.of(old.shape(), layer.stored(values))));
                bias(linear, layer.bias()).ifPresent(edit::put);
            }
        });
    }

    private java.util.Optional<Initializer> bias(ChannelSpaces.Linear linear, @Nullable String name) {
        return graph.initializer(name == null ? "" : name).map(old -> {
            float[] values = old.tensor().toFloats();
            for (int o = 0; o < values.length; o++) {
                values[o] = (float) (values[o] / factor(linear.out()[o]));
            }
            return Initializer.of(old.name(), Tensor.of(old.shape(), values));
        });
    }
}
