package dev.nibble.graph.pass;

import dev.nibble.graph.Node;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Additions and multiplications by constants between an input of the model and a convolution: `scale·x + shift` for
/// each channel.
///
/// @param input the model's input
/// @param nodes in running order
record InputChain(String input, List<Node> nodes, double[] scale, double[] shift) {
    /// The chain that ends in `value`; empty where none does. `why` gets the reason of a near miss.
    static Optional<InputChain> endingIn(View view, String value, Node reader, int channels, List<String> why) {
        List<Node> nodes = new ArrayList<>();
        String at = value;
        Node next = reader;
        while (!isFeed(view, at)) {
            Optional<Node> maker = view.maker(at, "Sub", "Add", "Mul", "Div");
            if (maker.isEmpty()) {
                return Optional.empty();
            }
            int side = view.constant(maker.get().input(1)).isPresent() ? 0 : 1;
            if (view.constant(maker.get().input(1 - side)).isEmpty()) {
                return Optional.empty();
            }
            if (!view.onlyReadBy(at, next)) {
                why.add("'%s' is also read elsewhere".formatted(at));
                return Optional.empty();
            }
            nodes.addFirst(maker.get());
            next = maker.get();
            at = maker.get().input(side);
        }
        if (nodes.isEmpty()) {
            return Optional.empty();
        }
        double[] scale = new double[channels];
        double[] shift = new double[channels];
        Arrays.fill(scale, 1);
        String from = at;
        for (Node node : nodes) {
            int side = node.input(0).equals(from) ? 0 : 1;
            Tensor constant = view.constant(node.input(1 - side)).orElseThrow();
            int rank = view.rank(from).orElse(0);
            if (!FuseConvBias.isPerChannel(constant, rank, channels)) {
                why.add("the constant of %s has shape %s, which is not one number per channel (%d)"
                        .formatted(node, constant.shape(), channels));
                return Optional.empty();
            }
            double[] numbers = Numbers.doubles(constant);
            for (int i = 0; i < channels; i++) {
                double c = numbers[numbers.length == 1 ? 0 : i];
                if (node.is("Add")) {
                    shift[i] += c;
                } else if (node.is("Sub")) {
                    scale[i] *= side == 0 ? 1 : -1;
                    shift[i] = side == 0 ? shift[i] - c : c - shift[i];
                } else if (node.is("Mul") || side == 0) {
                    double factor = node.is("Mul") ? c : 1 / c;
                    scale[i] *= factor;
                    shift[i] *= factor;
                } else {
                    return Optional.empty(); // constant / x
                }
            }
            from = node.output(0);
        }
        boolean finite = Arrays.stream(scale).allMatch(Double::isFinite)
                && Arrays.stream(shift).allMatch(Double::isFinite);
        if (!finite) {
            why.add("a constant is zero, NaN or infinity");
            return Optional.empty();
        }
        return Optional.of(new InputChain(at, nodes, scale, shift));
    }

    private static boolean isFeed(View view, String value) {
        return view.graph.isInput(value) && view.graph.initializer(value).isEmpty();
    }

    boolean shifts() {
        return Arrays.stream(shift).anyMatch(t -> t != 0);
    }
}
