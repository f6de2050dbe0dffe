package dev.nibble.graph.summary;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import java.util.Optional;
import java.util.Set;

/// How many multiply-accumulate operations a node takes: what convolutions, matrix products and recurrent cells
/// do. Elementwise work, normalization and activations count as none, as is usual when MACs are quoted.
public final class Macs {
    /// Operators that multiply, but in ways for which there is no rule here.
    private static final Set<String> WITHOUT_RULE = Set.of(
            "Attention",
            "DeformConv",
            "Einsum",
            "DFT",
            "STFT",
            "FlexAttention",
            "LinearAttention",
            "CausalConvWithState",
            "MultiHeadAttention",
            "GroupQueryAttention",
            "PackedAttention",
            "PackedMultiHeadAttention",
            "QAttention",
            "QMoE",
            "MoE",
            "QLinearConvTranspose",
            "QGemm");

    private Macs() {}

    /// What came of counting.
    public sealed interface Count {
        record Known(long macs) implements Count {}

        /// A shape that the rule needs is not known.
        record NoShape() implements Count {}

        /// The operator may multiply, but there is no rule for it.
        record NoRule() implements Count {}
    }

    /// The MACs of `node`, whose values are declared in `graph`.
    public static Count of(Node node, Graph graph) {
        try {
            return count(node, graph);
        } catch (ArithmeticException | IndexOutOfBoundsException e) {
            // The declared shapes are not those of such an operator, or too large to multiply.
            return new Count.NoShape();
        }
    }

    private static Count count(Node node, Graph graph) {
        boolean known = node.isStandard() || node.domain().equals("com.microsoft");
        if (!known || WITHOUT_RULE.contains(node.opType())) {
            return new Count.NoRule();
        }
        return switch (node.opType()) {
            case "Conv", "ConvInteger", "FusedConv", "NhwcFusedConv" ->
                convolution(shape(node, 1, graph), out(node, graph));
            case "QLinearConv" -> convolution(shape(node, 3, graph), out(node, graph));
            case "ConvTranspose" -> transposed(shape(node, 0, graph), shape(node, 1, graph));
            case "Gemm" -> gemm(node, graph);
            case "MatMul", "MatMulInteger", "FusedMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul" ->
                product(shape(node, 0, graph), shape(node, 1, graph), out(node, graph));
            case "QLinearMatMul" -> product(shape(node, 0, graph), shape(node, 3, graph), out(node, graph));
            case "MatMulNBits" ->
                out(node, graph)
                        .<Count>map(o -> new Count.Known(Math.multiplyExact(o.elements(), node.intAttribute("K", 0))))
                        .orElse(new Count.NoShape());
            case "LSTM" -> recurrent(node, graph, 4);
            case "GRU" -> recurrent(node, graph, 3);
            case "RNN" -> recurrent(node, graph, 1);
            default -> new Count.Known(0);
        };
    }

    private static Optional<Shape> shape(Node node, int input, Graph graph) {
        return node.hasInput(input) ? graph.shape(node.input(input)) : Optional.empty();
    }

    private static Optional<Shape> out(Node node, Graph graph) {
        return graph.shape(node.output(0));
    }

    /// Each output element takes a window over the input channels of its group: the weight's shape says it all.
    private static Count convolution(Optional<Shape> weight, Optional<Shape> out) {
        if (weight.isEmpty() || out.isEmpty()) {
            return new Count.NoShape();
        }
        return new Count.Known(Math.multiplyExact(out.get().elements(), perElement(weight.get())));
    }

    /// Each input element is spread through the weights of its channel.
    private static Count transposed(Optional<Shape> input, Optional<Shape> weight) {
        if (weight.isEmpty() || input.isEmpty()) {
            return new Count.NoShape();
        }
        return new Count.Known(Math.multiplyExact(input.get().elements(), perElement(weight.get())));
    }

    private static long perElement(Shape weight) {
        return weight.product(1, weight.rank());
    }

    private static Count gemm(Node node, Graph graph) {
        Optional<Shape> a = shape(node, 0, graph);
        Optional<Shape> out = out(node, graph);
        if (a.isEmpty() || out.isEmpty()) {
            return new Count.NoShape();
        }
        long inner = a.get().dim(node.intAttribute("transA", 0) == 0 ? 1 : 0);
        return new Count.Known(Math.multiplyExact(out.get().elements(), inner));
    }

    private static Count product(Optional<Shape> a, Optional<Shape> b, Optional<Shape> out) {
        if (out.isEmpty() || a.isEmpty() && b.isEmpty()) {
            return new Count.NoShape();
        }
        long inner = a.map(s -> s.dim(-1))
                .orElseGet(() -> b.map(s -> s.dim(s.rank() == 1 ? 0 : -2)).orElse(0L));
        return new Count.Known(Math.multiplyExact(out.get().elements(), inner));
    }

    /// Each gate of each step multiplies the input and the state before it.
    private static Count recurrent(Node node, Graph graph, int gates) {
        Optional<Shape> x = shape(node, 0, graph);
        Optional<Shape> w = shape(node, 1, graph);
        Optional<Shape> r = shape(node, 2, graph);
        if (x.isEmpty() || w.isEmpty() || r.isEmpty()) {
            return new Count.NoShape();
        }
        long hidden = r.get().dim(2);
        long each = Math.multiplyExact(gates * hidden, Math.addExact(w.get().dim(2), hidden));
        // Steps × batch × directions, whichever way the input is laid out.
        long turns = x.get().dim(0) * x.get().dim(1) * r.get().dim(0);
        return new Count.Known(Math.multiplyExact(turns, each));
    }
}
