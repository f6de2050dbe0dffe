package dev.nibble.graph.pass;

import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/// The common part of LayerNorm and RMSNorm: `d / √(mean(d²) + ε)`, in the spellings of the exporters.
///
/// Division by the root, multiplication by its reciprocal (Reciprocal, or 1 divided by it), or Pow with −0.5; the square
/// as Pow or as Mul of a value by itself; the means as ReduceMean or GlobalAveragePool; a scale in the reciprocal root.
///
/// @param centered the value `d`; for LayerNorm what remains after the mean is taken off
/// @param normalized the value that is all of it
/// @param axes of the mean, as written
/// @param nodes all nodes between, the one that makes `normalized` first
/// @param gamma the scale that the reciprocal root is multiplied by, as TensorFlow does it; `normalized` is scaled then
record Normalization(
        String centered,
        String normalized,
        double epsilon,
        long[] axes,
        List<Node> nodes,
        Optional<Initializer> gamma) {
    /// The normalization that ends at `node`, if one does.
    static Optional<Normalization> endingAt(View view, Node node) {
        if (node.is("Div")) {
            return view.maker(node.input(1), "Sqrt")
                    .flatMap(root -> fromSum(view, node.input(0), root.input(0), node, List.of(root)));
        }
        if (!node.is("Mul")) {
            return Optional.empty();
        }
        for (int side = 0; side < 2; side++) {
            String centered = node.input(side);
            Optional<Normalization> found = fromFactor(view, centered, node.input(1 - side), node);
            if (found.isPresent()) {
                return found;
            }
            Optional<Normalization> scaled = fromScaledFactor(view, centered, node.input(1 - side), node);
            if (scaled.isPresent()) {
                return scaled;
            }
        }
        return Optional.empty();
    }

    /// `factor` as `γ / √(mean(d²) + ε)`.
    private static Optional<Normalization> fromScaledFactor(View view, String centered, String factor, Node end) {
        Optional<Node> times = view.maker(factor, "Mul");
        for (int side = 0; times.isPresent() && side < 2; side++) {
            Optional<Initializer> gamma = view.stored(times.get().input(side));
            Optional<Normalization> found = gamma.isEmpty()
                    ? Optional.empty()
                    : fromFactor(view, centered, times.get().input(1 - side), end);
            if (found.isPresent()) {
                Normalization norm = found.get();
                List<Node> nodes = new ArrayList<>(norm.nodes());
                nodes.add(1, times.get());
                return Optional.of(new Normalization(
                        norm.centered(), norm.normalized(), norm.epsilon(), norm.axes(), nodes, gamma));
            }
        }
        return Optional.empty();
    }

    /// The normalization whose `factor` is `1 / √(mean(d²) + ε)`, whatever d is; `end` uses it.
    static Optional<Normalization> byFactor(View view, String factor, Node end) {
        return fromFactor(view, "", factor, end);
    }

    /// `factor` as `1 / √(mean(d²) + ε)`.
    ///
    /// @param centered d, or empty where whatever is squared is d
    private static Optional<Normalization> fromFactor(View view, String centered, String factor, Node end) {
        Optional<Node> made = view.maker(factor, "Reciprocal", "Div", "Pow");
        if (made.isEmpty()) {
            return Optional.empty();
        }
        Node inverse = made.get();
        if (inverse.is("Pow")) {
            return view.number(inverse.input(1)).orElse(0) == -0.5
                    ? fromSum(view, centered, inverse.input(0), end, List.of(inverse))
                    : Optional.empty();
        }
        if (inverse.is("Div") && view.scalar(inverse.input(0)).orElse(0) != 1) {
            return Optional.empty();
        }
        return view.maker(inverse.input(inverse.is("Div") ? 1 : 0), "Sqrt")
                .flatMap(root -> fromSum(view, centered, root.input(0), end, List.of(inverse, root)));
    }

    /// `sum` as `mean(d²) + ε`.
    private static Optional<Normalization> fromSum(
            View view, String centered, String sum, Node end, List<Node> between) {
        Optional<Node> add = view.maker(sum, "Add");
        for (int side = 0; add.isPresent() && side < 2; side++) {
            OptionalDouble epsilon = view.scalar(add.get().input(1 - side));
            Optional<Node> mean = mean(view, add.get().input(side));
            if (epsilon.isEmpty() || mean.isEmpty()) {
                continue;
            }
            Optional<long[]> axes = meanAxes(view, mean.get());
            Optional<Node> square = view.maker(mean.get().input(0), "Pow", "Mul");
            String base =
                    centered.isEmpty() && square.isPresent() ? square.get().input(0) : centered;
            if (axes.isPresent() && square.isPresent() && isSquare(view, square.get(), base)) {
                List<Node> nodes = new ArrayList<>(List.of(end));
                nodes.addAll(between);
                nodes.addAll(List.of(add.get(), mean.get(), square.get()));
                return Optional.of(new Normalization(
                        base, end.output(0), epsilon.getAsDouble(), axes.get(), nodes, Optional.empty()));
            }
        }
        return Optional.empty();
    }

    /// Whether `square` is `value²`, or the square of another node's output that is computed alike.
    private static boolean isSquare(View view, Node square, String value) {
        boolean twice = square.is("Mul")
                ? square.input(0).equals(square.input(1))
                : view.number(square.input(1)).orElse(0) == 2;
        return twice && same(view, square.input(0), value);
    }

    /// Whether two values are one, or made by two nodes that do the same with the same inputs (PyTorch writes the
    /// difference to the mean twice).
    static boolean same(View view, String a, String b) {
        if (a.equals(b)) {
            return true;
        }
        Optional<Node> left = view.graph.producer(a);
        Optional<Node> right = view.graph.producer(b);
        return left.isPresent()
                && right.isPresent()
                && left.get().is(right.get().opType())
                && left.get().inputs().equals(right.get().inputs())
                && left.get().attributes().equals(right.get().attributes())
                && left.get().outputs().size() == 1
                && left.get().subgraphs().isEmpty();
    }

    /// The node that makes `value` as a mean: ReduceMean, or GlobalAveragePool, which tf2onnx writes for the mean over the
    /// last of three axes.
    static Optional<Node> mean(View view, String value) {
        return view.maker(value, "ReduceMean", "GlobalAveragePool");
    }

    /// The axes over which `mean` averages, if it keeps them and they are constant.
    static Optional<long[]> meanAxes(View view, Node mean) {
        if (mean.is("GlobalAveragePool")) {
            return view.rank(mean.input(0)).orElse(0) == 3 ? Optional.of(new long[] {-1}) : Optional.empty();
        }
        return mean.intAttribute("keepdims", 1) == 0
                ? Optional.empty()
                : view.axes(mean, 1).filter(a -> a.length > 0);
    }

    /// How many axes at the end are normalized, or why they are not at the end.
    sealed interface Extent {
        record Last(int count) implements Extent {}

        record Elsewhere(String reason) implements Extent {}
    }

    /// @param rank of the value, where known; without it only negative axes can be told to be last
    static Extent extent(long[] axes, OptionalInt rank) {
        long[] fromEnd = new long[axes.length];
        for (int i = 0; i < axes.length; i++) {
            if (axes[i] >= 0 && rank.isEmpty()) {
                return new Extent.Elsewhere("whether axes %s are the last is not known, since the rank is not"
                        .formatted(Arrays.toString(axes)));
            }
            fromEnd[i] = axes[i] >= 0 ? axes[i] - rank.getAsInt() : axes[i];
        }
        Arrays.sort(fromEnd);
        for (int i = 0; i < fromEnd.length; i++) {
            if (fromEnd[i] != i - fromEnd.length) {
                return new Extent.Elsewhere("axes %s are not the last".formatted(Arrays.toString(axes)));
            }
        }
        return new Extent.Last(fromEnd.length);
    }
}
