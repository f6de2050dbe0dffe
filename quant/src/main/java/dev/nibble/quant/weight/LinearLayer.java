package dev.nibble.quant.weight;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.quant.place.WeightQuantizer;
import org.jspecify.annotations.Nullable;

/// A Conv, Gemm or MatMul seen as a matrix: `y = W x + b` at every position, `x` being the `depth` numbers that the
/// operator reads there. A grouped convolution is `groups` such matrices side by side.
///
/// Rows are output channels, group after group; columns run over the input channels of the group and, within them, over
/// the kernel in row-major order.
///
/// @param weight the weight's initializer
/// @param bias the bias's initializer; null where there is none to change
/// @param outputs rows over all groups
/// @param depth columns
/// @param transposed whether the weight is stored as `depth × outputs`
/// @param rows how a convolution walks over the height; null for Gemm and MatMul
/// @param columns how it walks over the width; null for Gemm and MatMul
public record LinearLayer(
        Node node,
        String weight,
        @Nullable String bias,
        int outputs,
        int groups,
        int depth,
        boolean transposed,
        @Nullable Window rows,
        @Nullable Window columns) {
    /// One axis of a convolution.
    record Window(int kernel, int stride, int dilation, int before, int after) {
        int outputs(int size) {
            return (size + before + after - dilation * (kernel - 1) - 1) / stride + 1;
        }
    }

    /// A layer, or why there is none.
    public sealed interface Seen {
        record Layer(LinearLayer layer) implements Seen {}

        record Refused(String reason) implements Seen {}
    }

    /// The layer that reads `weight`.
    public static Seen of(Graph graph, WeightQuantizer weight) {
        if (weight.role() != WeightQuantizer.Role.WEIGHT) {
            return new Seen.Refused("it is no weight of a linear operator");
        }
        if (weight.consumers().size() != 1
                || graph.consumers(weight.name()).size() != 1
                || graph.isOutput(weight.name())) {
            return new Seen.Refused("several operators share it");
        }
        Node node = weight.consumers().getFirst();
        return node.input(1).equals(weight.name())
                ? of(graph, node)
                : new Seen.Refused("there is no rule for " + node.opType() + " with its weight at this input");
    }

    /// The layer that `node` is.
    static Seen of(Graph graph, Node node) {
        if (graph.initializer(node.input(1)).isEmpty()
                || graph.consumers(node.input(1)).size() != 1
                || graph.isOutput(node.input(1))) {
            return new Seen.Refused("its weight is no constant of its own");
        }
        Shape shape = graph.shape(node.input(1)).orElse(Shape.SCALAR);
        if (!node.isAny("Conv", "Gemm", "MatMul")) {
            return new Seen.Refused("there is no rule for " + node.opType() + " with its weight at this input");
        }
        if (graph.constant(node.input(0)).isPresent()) {
            return new Seen.Refused("its other operand is constant");
        }
        return switch (node.opType()) {
            case "Conv" -> convolution(graph, node, shape);
            case "Gemm" -> gemm(graph, node, shape);
            default -> matMul(node, shape);
        };
    }

    private static Seen convolution(Graph graph, Node node, Shape shape) {
        if (shape.rank() < 3 || shape.rank() > 4) {
            return new Seen.Refused("only 1-D and 2-D convolutions have a rule");
        }
        if (!node.stringAttribute("auto_pad", "NOTSET").equals("NOTSET")) {
            return new Seen.Refused("auto_pad has no rule");
        }
        boolean flat = shape.rank() == 3;
        int spatial = shape.rank() - 2;
        Window rows = flat ? new Window(1, 1, 1, 0, 0) : window(node, 0, spatial, (int) shape.dim(2));
        return new Seen.Layer(new LinearLayer(
                node,
                node.input(1),
                ownBias(graph, node),
                (int) shape.dim(0),
                (int) node.intAttribute("group", 1),
                Math.toIntExact(shape.product(1, shape.rank())),
                false,
                rows,
                window(node, spatial - 1, spatial, (int) shape.dim(-1))));
    }

    private static Window window(Node node, int axis, int spatial, int kernel) {
        long[] strides = node.intsAttribute("strides");
        long[] dilations = node.intsAttribute("dilations");
        long[] pads = node.intsAttribute("pads");
        return new Window(
                kernel,
                strides.length == 0 ? 1 : (int) strides[axis],
                dilations.length == 0 ? 1 : (int) dilations[axis],
                pads.length == 0 ? 0 : (int) pads[axis],
                pads.length == 0 ? 0 : (int) pads[axis + spatial]);
    }

    private static Seen gemm(Graph graph, Node node, Shape shape) {
        boolean plain = node.floatAttribute("alpha", 1) == 1
                && node.floatAttribute("beta", 1) == 1
                && node.intAttribute("transA", 0) == 0;
        if (!plain || shape.rank() != 2) {
            return new Seen.Refused("Gemm with alpha, beta or transA has no rule");
        }
        boolean transposed = node.intAttribute("transB", 0) == 0;
        return new Seen.Layer(new LinearLayer(
                node,
                node.input(1),
                ownBias(graph, node),
                (int) shape.dim(transposed ? 1 : 0),
                1,
                (int) shape.dim(transposed ? 0 : 1),
                transposed,
                null,
                null));
    }

    private static Seen matMul(Node node, Shape shape) {
        if (shape.rank() != 2) {
            return new Seen.Refused("only matrices have a rule");
        }
        return new Seen.Layer(new LinearLayer(
                node, node.input(1), null, (int) shape.dim(1), 1, (int) shape.dim(0), true, null, null));
    }

    private static @Nullable String ownBias(Graph graph, Node node) {
        String bias = node.input(2);
        boolean own = graph.initializer(bias).filter(b -> b.shape().rank() == 1).isPresent()
                && graph.consumers(bias).size() == 1
                && !graph.isOutput(bias);
        return own ? bias : null;
    }

    /// The value that this layer reads.
    public String input() {
        return node.input(0);
    }

    /// Elements of a convolution's kernel for one input channel; 1 for Gemm and MatMul.
    int taps() {
        return rows == null || columns == null ? 1 : rows.kernel() * columns.kernel();
    }

    /// Rows of one group.
    public int outputsPerGroup() {
        return outputs / groups;
    }

    /// `values` as rows of the matrix.
    public float[] matrix(Tensor values) {
        float[] stored = values.toFloats();
        if (!transposed) {
            return stored;
        }
        float[] rows = new float[stored.length];
        for (int o = 0; o < outputs; o++) {
            for (int k = 0; k < depth; k++) {
                rows[o * depth + k] = stored[k * outputs + o];
            }
        }
        return rows;
    }

    /// Codes of the matrix in the order in which the weight is stored.
    public int[] stored(int[] codes) {
        if (!transposed) {
            return codes;
        }
        int[] stored = new int[codes.length];
        for (int o = 0; o < outputs; o++) {
            for (int k = 0; k < depth; k++) {
                stored[k * outputs + o] = codes[o * depth + k];
            }
        }
        return stored;
    }

    /// Numbers of the matrix in the order in which the weight is stored.
    float[] stored(float[] values) {
        if (!transposed) {
            return values;
        }
        float[] stored = new float[values.length];
        for (int o = 0; o < outputs; o++) {
            for (int k = 0; k < depth; k++) {
                stored[k * outputs + o] = values[o * depth + k];
            }
        }
        return stored;
    }
}
