package dev.nibble.graph.pass;

import dev.nibble.graph.Dim;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What can be said of a value's shape without running the model, where a node asks for it.
final class StaticShape {
    private StaticShape() {}

    /// What `node` gives if it only looks at the shape of its input, as far as that is declared: Shape, Size, and
    /// Gather or Slice of a Shape whose other dimensions may be open.
    static Optional<Tensor> of(View view, Node node) {
        if (node.is("Shape")) {
            return view.dims(node.input(0)).flatMap(d -> known(d, window(node, d.size())));
        }
        if (node.is("Size")) {
            return view.graph.shape(node.input(0)).map(s -> Tensor.of(Shape.SCALAR, s.elements()));
        }
        Optional<Node> shape = node.isAny("Gather", "Slice") ? view.maker(node.input(0), "Shape") : Optional.empty();
        if (shape.isEmpty() || shape.get().attributes().size() > 0) {
            return Optional.empty();
        }
        Optional<List<Dim>> dims = view.dims(shape.get().input(0));
        if (dims.isEmpty()) {
            return Optional.empty();
        }
        // The positions picked, by the same rules as for numbers.
        long[] positions = new long[dims.get().size()];
        Arrays.setAll(positions, i -> i);
        List<@Nullable Tensor> inputs = new ArrayList<>();
        inputs.add(Tensor.of(Shape.of(positions.length), positions));
        for (int i = 1; i < node.inputs().size(); i++) {
            Optional<Tensor> constant = view.constant(node.input(i));
            if (node.hasInput(i) && constant.isEmpty()) {
                return Optional.empty();
            }
            inputs.add(constant.orElse(null));
        }
        return ShapeArithmetic.evaluate(node, inputs, view.model.opset())
                .flatMap(p -> known(dims.get(), p.toLongs()).map(t -> t.reshaped(p.shape())));
    }

    private static long[] window(Node shape, int rank) {
        long start = shape.intAttribute("start", 0);
        long end = shape.intAttribute("end", rank);
        int from = (int) Math.clamp(start < 0 ? start + rank : start, 0, rank);
        int to = (int) Math.clamp(end < 0 ? end + rank : end, from, rank);
        long[] positions = new long[to - from];
        Arrays.setAll(positions, i -> from + i);
        return positions;
    }

    private static Optional<Tensor> known(List<Dim> dims, long[] positions) {
        long[] sizes = new long[positions.length];
        for (int i = 0; i < sizes.length; i++) {
            if (!(dims.get((int) positions[i]) instanceof Dim.Known(long size))) {
                return Optional.empty();
            }
            sizes[i] = size;
        }
        return Optional.of(Tensor.of(Shape.of(sizes.length), sizes));
    }
}
