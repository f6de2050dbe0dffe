package dev.nibble.graph.pass;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// What may follow a normalization: multiplication by a constant γ, and addition of a constant β.
///
/// @param nodes the multiplication and the addition, as far as they are there; the last one first
/// @param output the value after them
record AffineTail(Optional<Initializer> gamma, Optional<Initializer> beta, List<Node> nodes, String output) {
    /// @param norm may hold γ itself: then only an addition follows
    static AffineTail after(View view, Normalization norm) {
        List<Node> nodes = new ArrayList<>();
        String output = norm.normalized();
        Optional<Initializer> gamma = norm.gamma();
        Optional<Initializer> beta = Optional.empty();
        Optional<Node> mul = gamma.isPresent() ? Optional.empty() : step(view, output, "Mul");
        if (mul.isPresent()) {
            gamma = other(view, mul.get(), output);
            nodes.addFirst(mul.get());
            output = mul.get().output(0);
        }
        Optional<Node> add = step(view, output, "Add");
        if (add.isPresent()) {
            beta = other(view, add.get(), output);
            nodes.addFirst(add.get());
            output = add.get().output(0);
        }
        return new AffineTail(gamma, beta, nodes, output);
    }

    /// The only reader of `value`, if it is an `op` with a float constant that fits a parameter.
    private static Optional<Node> step(View view, String value, String op) {
        List<Node> readers = view.graph.consumers(value);
        return readers.size() == 1
                        && !view.graph.isOutput(value)
                        && readers.getFirst().is(op)
                        && other(view, readers.getFirst(), value).isPresent()
                ? Optional.of(readers.getFirst())
                : Optional.empty();
    }

    private static Optional<Initializer> other(View view, Node node, String value) {
        if (node.input(0).equals(node.input(1))) {
            return Optional.empty();
        }
        return view.stored(node.input(node.input(0).equals(value) ? 1 : 0))
                .filter(i ->
                        DataType.ofCode(i.typeCode()).filter(Numbers::isFloat).isPresent());
    }

    /// The sizes of the last `count` axes, from what is declared of `value` or from the parameters.
    Optional<Shape> extent(View view, String value, int count) {
        Optional<List<Dim>> dims = view.dims(value);
        if (dims.isPresent() && dims.get().size() >= count) {
            long[] sizes = new long[count];
            boolean known = true;
            for (int i = 0; i < count; i++) {
                if (dims.get().get(dims.get().size() - count + i) instanceof Dim.Known(long size)) {
                    sizes[i] = size;
                } else {
                    known = false;
                }
            }
            if (known) {
                return Optional.of(Shape.of(sizes));
            }
        }
        // A parameter that differs along every one of the axes tells their sizes.
        return java.util.stream.Stream.of(gamma, beta)
                .flatMap(Optional::stream)
                .map(Initializer::shape)
                .filter(s -> s.rank() >= count
                        && Arrays.stream(s.dims()).skip(s.rank() - count).allMatch(d -> d > 1))
                .map(s ->
                        Shape.of(Arrays.stream(s.dims()).skip(s.rank() - count).toArray()))
                .findFirst();
    }

    /// `parameter` as a tensor of exactly `extent`, if broadcasting it there is all it does.
    static Optional<Tensor> spread(Tensor parameter, Shape extent) {
        int rank = parameter.shape().rank();
        for (int i = 0; i < rank - extent.rank(); i++) {
            if (parameter.shape().dim(i) != 1) {
                return Optional.empty();
            }
        }
        int kept = Math.min(rank, extent.rank());
        Shape inner = Shape.of(
                Arrays.stream(parameter.shape().dims()).skip(rank - kept).toArray());
        for (int i = 1; i <= kept; i++) {
            if (inner.dim(-i) != 1 && inner.dim(-i) != extent.dim(-i)) {
                return Optional.empty();
            }
        }
        if (inner.equals(extent)) {
            return Optional.of(parameter.reshaped(extent));
        }
        double[] values = new double[Math.toIntExact(extent.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = Numbers.at(parameter, ConstantArithmetic.position(inner, extent, i));
        }
        return Optional.of(Numbers.tensor(parameter.type(), extent, values));
    }

    /// The name of an initializer that holds `parameter` in the shape of `extent`: the stored one where it already does
    /// (with or without data), otherwise a new one, added to `constants`. Empty where it does not fit.
    ///
    /// @param type of the ones that stand for a scale that is not there
    static Optional<String> stored(
            View view,
            String wanted,
            Optional<Initializer> parameter,
            Shape extent,
            DataType type,
            List<Initializer> constants) {
        Tensor value;
        if (parameter.isPresent()) {
            Initializer given = parameter.get();
            if (given.shape().equals(extent)
                    && view.graph.initializer(given.name()).isPresent()) {
                return Optional.of(given.name());
            }
            Optional<Tensor> spread = given.hasData() ? spread(given.tensor(), extent) : Optional.empty();
            if (spread.isEmpty()) {
                return Optional.empty();
            }
            value = spread.get();
        } else {
            double[] ones = new double[Math.toIntExact(extent.elements())];
            Arrays.fill(ones, 1);
            value = Numbers.tensor(type, extent, ones);
        }
        String name = Fusion.freshName(view, wanted);
        constants.add(Initializer.of(name, value));
        return Optional.of(name);
    }
}
