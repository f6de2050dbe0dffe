package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/// Makes two movements of data one, or none: Transpose behind Transpose, also with operators between that look at one
/// element at a time; Reshape behind Reshape; a Cast to a wider type and back.
public final class CancelMovement implements Rewrite {
    private static final Set<String> RESHAPES = Set.of("Reshape", "Flatten", "Squeeze", "Unsqueeze");
    /// Operators of one computed input that look at one element at a time.
    private static final Set<String> ELEMENTWISE = Set.of(
            "Relu",
            "LeakyRelu",
            "Sigmoid",
            "Tanh",
            "HardSigmoid",
            "HardSwish",
            "Elu",
            "Selu",
            "Celu",
            "Softplus",
            "Softsign",
            "Erf",
            "Exp",
            "Log",
            "Sqrt",
            "Abs",
            "Neg",
            "Floor",
            "Ceil",
            "Round",
            "Sign",
            "Reciprocal",
            "Gelu",
            "Mish",
            "Clip",
            "Cast",
            "Not",
            "ThresholdedRelu",
            "Identity",
            "Add",
            "Sub",
            "Mul",
            "Div",
            "Pow",
            "Min",
            "Max");

    @Override
    public String name() {
        return "cancel-movement";
    }

    @Override
    public Found find(Model model) {
        View view = new View(model);
        List<Place> places = new ArrayList<>();
        List<PassResult.Skipped> skipped = new ArrayList<>();
        for (Node node : view.graph.nodes()) {
            if (view.graph.isOutput(node.output(0))) {
                continue;
            }
            chain(view, node).ifPresent(c -> {
                List<String> labels = c.stream().map(Node::label).toList();
                places.add(new Place(
                        node.output(0),
                        labels,
                        String.join(" → ", c.stream().map(Node::toString).toList())));
            });
        }
        return new Found(places, skipped);
    }

    /// The first movement, what lies between, and `last`; empty where they do not become one.
    private static Optional<List<Node>> chain(View view, Node last) {
        if (!last.isAny("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast")) {
            return Optional.empty();
        }
        List<Node> nodes = new ArrayList<>();
        nodes.add(last);
        Node at = last;
        while (true) {
            Optional<Node> before = view.graph.producer(at.input(0)).filter(Node::isStandard);
            if (before.isEmpty()) {
                return Optional.empty();
            }
            Node node = before.get();
            nodes.addFirst(node);
            if (last.is("Transpose") && node.is("Transpose")) {
                return Optional.of(nodes).filter(n -> n.size() == 2 || inOrder(composed(n.getFirst(), last)));
            }
            if (RESHAPES.contains(last.opType()) && RESHAPES.contains(node.opType())) {
                return view.graph.shape(last.output(0)).map(s -> nodes);
            }
            if (last.is("Cast") && node.is("Cast")) {
                return widens(view, node, last) ? Optional.of(nodes) : Optional.empty();
            }
            boolean through = last.is("Transpose")
                    && ELEMENTWISE.contains(node.opType())
                    && isOfOneElement(view, node)
                    && view.onlyReadBy(node.output(0), at);
            if (!through) {
                return Optional.empty();
            }
            at = node;
        }
    }

    /// Whether all inputs of `node` but the first are single numbers.
    private static boolean isOfOneElement(View view, Node node) {
        return IntStream.range(1, node.inputs().size())
                .allMatch(i -> !node.hasInput(i)
                        || view.stored(node.input(i))
                                .filter(c -> c.shape().elements() == 1
                                        && c.shape().rank()
                                                <= view.rank(node.input(0)).orElse(0))
                                .isPresent());
    }

    private static long[] composed(Node first, Node second) {
        long[] a = first.intsAttribute("perm");
        long[] b = second.intsAttribute("perm");
        if (a.length != b.length) {
            return new long[0];
        }
        return Arrays.stream(b).map(i -> a[(int) i]).toArray();
    }

    private static boolean inOrder(long[] perm) {
        return perm.length > 0 && IntStream.range(0, perm.length).allMatch(i -> perm[i] == i);
    }

    /// Whether `first` casts to a type that holds every value of its input's, and `second` back.
    private static boolean widens(View view, Node first, Node second) {
        Optional<DataType> from = view.graph.type(first.input(0));
        Optional<DataType> middle = DataType.ofCode((int) first.intAttribute("to", 0));
        Optional<DataType> to = DataType.ofCode((int) second.intAttribute("to", 0));
        if (from.isEmpty() || middle.isEmpty() || !from.equals(to)) {
            return false;
        }
        return switch (from.get()) {
            case FLOAT16, BFLOAT16 -> middle.get() == DataType.FLOAT || middle.get() == DataType.DOUBLE;
            case FLOAT -> middle.get() == DataType.DOUBLE;
            case INT32 -> middle.get() == DataType.INT64 || middle.get() == DataType.DOUBLE;
            case BOOL, UINT8, INT8 ->
                Numbers.readable(middle.get()) && middle.get().bits() >= 16;
            default -> false;
        };
    }

    @Override
    public Optional<Model> apply(Model model, String anchor) {
        View view = new View(model);
        return view.graph
                .producer(anchor)
                .filter(n -> !view.graph.isOutput(anchor))
                .flatMap(last -> chain(view, last).map(c -> joined(view, c)));
    }

    private static Model joined(View view, List<Node> chain) {
        Node first = chain.getFirst();
        Node last = chain.getLast();
        String source = first.input(0);
        List<Node> between = chain.subList(1, chain.size() - 1);
        return view.model.withGraph(view.graph.edit(e -> {
            if (!between.isEmpty()) {
                // The operators between read the value before the first Transpose; each has the order of the last now.
                String at = source;
                for (Node node : between) {
                    String out = node == between.getLast() ? last.output(0) : e.freshName(node.output(0));
                    e.replace(node, node.withInput(0, at).withOutputs(List.of(out)));
                    at = out;
                }
                e.remove(last);
                return;
            }
            boolean none = last.is("Transpose") ? inOrder(composed(first, last)) : last.is("Cast");
            if (RESHAPES.contains(last.opType())) {
                none = view.graph.shape(source).equals(view.graph.shape(last.output(0)));
            }
            if (none) {
                e.remove(last).replaceUses(last.output(0), source);
            } else if (last.is("Transpose")) {
                e.replace(
                        last, last.withInput(0, source).withAttribute(Attribute.ofInts("perm", composed(first, last))));
            } else {
                Shape shape = view.graph.shape(last.output(0)).orElseThrow();
                String dims = e.freshName(last.output(0) + ".shape");
                e.put(Initializer.of(dims, Tensor.of(Shape.of(shape.rank()), shape.dims())));
                e.replace(last, Node.of(last.name(), "Reshape", List.of(source, dims), last.outputs()));
            }
        }));
    }
}
