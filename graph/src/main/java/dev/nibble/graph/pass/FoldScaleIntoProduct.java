package dev.nibble.graph.pass;

import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/// Folds a multiplication or division by one constant number into the weights of the product further up that makes the
/// value: through reshapes and transposes, the addition of a bias, and products of two computed values, whose first
/// operand takes the factor. Attention's `QKᵀ / √d` becomes `(Q/√d)Kᵀ` that way.
public final class FoldScaleIntoProduct implements Rewrite {
    @Override
    public String name() {
        return "fold-scale-into-product";
    }

    /// What takes the factor.
    ///
    /// @param product with constant weights
    /// @param bias the Add behind it; null without one
    private record Taker(Node product, int weight, List<Node> biases) {}

    @Override
    public Found find(Model model) {
        View view = new View(model);
        List<Place> places = new ArrayList<>();
        List<PassResult.Skipped> skipped = new ArrayList<>();
        for (Node node : view.graph.nodes()) {
            int side = scaled(view, node);
            if (side < 0) {
                continue;
            }
            List<String> why = new ArrayList<>();
            Optional<Taker> taker = taker(view, node.input(side), node, why);
            if (taker.isPresent()) {
                places.add(new Place(
                        node.output(0),
                        List.of(node.label(), taker.get().product().label()),
                        "%s by %s, which the weights of %s can take"
                                .formatted(
                                        node,
                                        factor(view, node, side),
                                        taker.get().product())));
            }
            why.forEach(w -> skipped.add(PassResult.Skipped.of(node, w)));
        }
        return new Found(places, skipped);
    }

    /// The input of `node` that it multiplies by a number; −1 where it does something else.
    private static int scaled(View view, Node node) {
        if (!node.isAny("Mul", "Div") || view.graph.isOutput(node.output(0))) {
            return -1;
        }
        for (int side = 0; side < (node.is("Mul") ? 2 : 1); side++) {
            OptionalDouble number = view.scalar(node.input(1 - side));
            if (number.isPresent() && view.constant(node.input(side)).isEmpty()) {
                double f = factor(view, node, side);
                return Double.isFinite(f) && f != 0 ? side : -1;
            }
        }
        return -1;
    }

    private static double factor(View view, Node node, int side) {
        double number = view.scalar(node.input(1 - side)).orElse(1);
        return node.is("Mul") ? number : 1 / number;
    }

    private static Optional<Taker> taker(View view, String value, Node reader, List<String> why) {
        List<Node> biases = new ArrayList<>();
        String at = value;
        Node next = reader;
        while (true) {
            Optional<Node> maker = view.maker(
                    at,
                    "Reshape",
                    "Transpose",
                    "Flatten",
                    "Squeeze",
                    "Unsqueeze",
                    "Identity",
                    "Add",
                    "MatMul",
                    "Gemm",
                    "Conv",
                    "ConvTranspose");
            if (maker.isEmpty()) {
                return Optional.empty();
            }
            Node node = maker.get();
            if (!view.onlyReadBy(at, next)) {
                if (node.isAny("MatMul", "Gemm", "Conv", "ConvTranspose")) {
                    why.add("'%s' is also read without the factor".formatted(at));
                }
                return Optional.empty();
            }
            if (node.is("Add")) {
                int constant = view.constant(node.input(0)).isPresent() ? 0 : 1;
                if (!biases.isEmpty()
                        || view.constant(node.input(constant))
                                .filter(t -> Numbers.isFloat(t.type()))
                                .isEmpty()) {
                    return Optional.empty();
                }
                biases.add(node);
                at = node.input(1 - constant);
            } else if (node.isAny("MatMul", "Gemm", "Conv", "ConvTranspose")) {
                int weight = view.constant(node.input(1)).isPresent()
                        ? 1
                        : node.is("MatMul") && view.constant(node.input(0)).isPresent() ? 0 : -1;
                if (weight >= 0) {
                    boolean takes = FoldBatchNorm.obstacleInWeights(view, node).isEmpty() || weight == 0;
                    return takes ? Optional.of(new Taker(node, weight, biases)) : Optional.empty();
                }
                if (!node.is("MatMul") || !biases.isEmpty()) {
                    return Optional.empty();
                }
                at = node.input(0);
            } else {
                at = node.input(0);
            }
            next = node;
        }
    }

    @Override
    public Optional<Model> apply(Model model, String anchor) {
        View view = new View(model);
        Optional<Node> scale = view.maker(anchor, "Mul", "Div");
        if (scale.isEmpty()) {
            return Optional.empty();
        }
        int side = scaled(view, scale.get());
        if (side < 0) {
            return Optional.empty();
        }
        String kept = scale.get().input(side);
        return taker(view, kept, scale.get(), new ArrayList<>())
                .map(t -> folded(view, scale.get(), kept, factor(view, scale.get(), side), t));
    }

    private static Model folded(View view, Node scale, String kept, double factor, Taker taker) {
        return view.model.withGraph(view.graph.edit(e -> {
            Node product = taker.product();
            Node changed = product.withInput(
                    taker.weight(),
                    FoldBatchNorm.putWeight(
                            e, view, product, taker.weight(), times(view, product.input(taker.weight()), factor)));
            if (product.hasInput(2)) {
                changed = changed.withInput(
                        2, FoldBatchNorm.putWeight(e, view, product, 2, times(view, product.input(2), factor)));
            }
            e.replace(product, changed);
            for (Node bias : taker.biases()) {
                int constant = view.constant(bias.input(0)).isPresent() ? 0 : 1;
                e.replace(
                        bias,
                        bias.withInput(
                                constant,
                                FoldBatchNorm.putWeight(
                                        e, view, bias, constant, times(view, bias.input(constant), factor))));
            }
            e.remove(scale).replaceUses(scale.output(0), kept);
        }));
    }

    private static Tensor times(View view, String value, double factor) {
        Tensor constant = view.constant(value).orElseThrow();
        double[] values = Numbers.doubles(constant);
        for (int i = 0; i < values.length; i++) {
            values[i] *= factor;
        }
        return Numbers.tensor(constant.type(), constant.shape(), values);
    }
}
