package dev.nibble.target;

import dev.nibble.graph.Graph;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import java.util.HashSet;
import java.util.Set;

/// What the rules of [Legality] ask of a convolution beside its types.
public final class ConvolutionTraits {
    private ConvolutionTraits() {}

    /// Of `bias`, `3d`, `1x1` and `depthwise` those that hold of `node`; none where it is no Conv or ConvTranspose.
    ///
    /// A Conv's weight is `[out, in / group, …]`, a ConvTranspose's `[in, out / group, …]`: depthwise is the one with a
    /// single input channel a group, and the other with one input channel in each group.
    ///
    /// @param graph in which the weight's shape is known; where it is not, only `bias` can be told
    public static Set<String> of(Graph graph, Node node) {
        Set<String> traits = new HashSet<>();
        boolean transposed = node.is("ConvTranspose");
        if (!transposed && !node.is("Conv")) {
            return traits;
        }
        Shape weight = graph.shape(node.input(1)).orElse(Shape.SCALAR);
        if (node.hasInput(2)) {
            traits.add("bias");
        }
        if (weight.rank() == 5) {
            traits.add("3d");
        }
        if (weight.rank() > 2 && weight.product(2, weight.rank()) == 1) {
            traits.add("1x1");
        }
        long group = node.intAttribute("group", 1);
        if (group > 1 && weight.rank() > 1 && (transposed ? weight.dim(0) == group : weight.dim(1) == 1)) {
            traits.add("depthwise");
        }
        return traits;
    }
}
