package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.GraphEdit;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Takes parts out of a tensor before it is transposed, where nothing but single parts along one axis of the transposed
/// tensor are read: `Transpose → Slice → Squeeze` becomes `Slice → Squeeze → Transpose`, `Transpose → Gather` of one
/// index `Gather → Transpose`, `Transpose → Split → Squeeze` `Split → Squeeze → Transpose`. Every number stays what it
/// was.
///
/// Attention that computes query, key and value in one matrix product takes them apart in that way:
/// `Reshape [n, t, 3, h, d] → Transpose [3, n, h, t, d] → three Slices`. What is transposed then has five dimensions,
/// and ONNX Runtime, which moves that Transpose towards the matrix products, puts it where the HTP's compiler refuses it
/// in 16 bits (seen with onnxruntime-qnn 2.7.0).
public final class SelectBeforeTranspose implements Pass {
    @Override
    public String name() {
        return "select-before-transpose";
    }

    @Override
    public String description() {
        return "take single parts out of a tensor before it is transposed: attention's query, key and value";
    }

    @Override
    public PassResult apply(Model model) {
        Findings findings = new Findings();
        Model current = model;
        for (Node candidate : model.graph().nodes()) {
            if (!candidate.is("Transpose")) {
                continue;
            }
            Optional<Node> now = current.graph().producer(candidate.output(0));
            if (now.isPresent() && now.get().is("Transpose")) {
                current = move(current, now.get(), findings);
            }
        }
        return findings.result(current);
    }

    /// A reader of the transposed tensor that takes parts of size 1 along `axis`.
    ///
    /// @param squeezes what takes the axis away, one for each output of `reader`; none where `reader` itself does
    private record Selection(Node reader, int axis, List<Node> squeezes) {}

    private static Model move(Model model, Node transpose, Findings findings) {
        View view = new View(model);
        long[] order = transpose.intsAttribute("perm");
        String made = transpose.output(0);
        List<Node> readers = view.graph.consumers(made);
        if (order.length < 3 || view.graph.isOutput(made) || readers.isEmpty() || model.opset() < RaiseOpset.MINIMUM) {
            return model;
        }
        List<Selection> selections = new ArrayList<>();
        for (Node reader : readers) {
            Optional<Selection> selection = selection(view, reader, made, order.length);
            if (selection.isEmpty()) {
                return model;
            }
            selections.add(selection.get());
        }
        Graph graph = view.graph.edit(edit -> {
            for (Selection selection : selections) {
                rewrite(edit, view.graph, transpose, order, selection);
            }
            edit.remove(transpose);
        });
        findings.changed(
                "moved %s behind %s",
                transpose,
                String.join(", ", readers.stream().map(Node::toString).toList()));
        return model.withGraph(graph);
    }

    private static Optional<Selection> selection(View view, Node reader, String made, int rank) {
        boolean readsOnce = reader.inputs().stream().filter(made::equals).count() == 1
                && reader.input(0).equals(made)
                && reader.subgraphs().isEmpty();
        if (!readsOnce) {
            return Optional.empty();
        }
        return switch (reader.isStandard() ? reader.opType() : "") {
            case "Slice" -> {
                Optional<long[]> axes = reader.hasInput(3) ? view.longs(reader.input(3)) : Optional.of(new long[] {0});
                boolean one = view.graph
                        .shape(reader.input(1))
                        .filter(starts -> starts.elements() == 1)
                        .isPresent();
                yield axes.filter(a -> one && a.length == 1).flatMap(a -> squeezed(view, reader, axis(a[0], rank)));
            }
            case "Split" -> squeezed(view, reader, axis(reader.intAttribute("axis", 0), rank));
            case "Gather" ->
                view.rank(reader.input(1)).orElse(1) == 0
                        ? Optional.of(new Selection(reader, axis(reader.intAttribute("axis", 0), rank), List.of()))
                        : Optional.empty();
            default -> Optional.empty();
        };
    }

    private static int axis(long given, int rank) {
        return (int) (given < 0 ? given + rank : given);
    }

    /// The selection by `reader`, if each of its outputs is read by a Squeeze of `axis` and by nothing else.
    private static Optional<Selection> squeezed(View view, Node reader, int axis) {
        List<Node> squeezes = new ArrayList<>();
        for (String output : reader.outputs()) {
            List<Node> readers = view.graph.consumers(output);
            if (readers.size() != 1
                    || view.graph.isOutput(output)
                    || !readers.getFirst().is("Squeeze")) {
                return Optional.empty();
            }
            Node squeeze = readers.getFirst();
            int rank = view.rank(output).orElse(-1);
            Optional<long[]> axes = view.axes(squeeze, 1);
            if (axes.isEmpty() || axes.get().length != 1 || axis(axes.get()[0], rank) != axis) {
                return Optional.empty();
            }
            squeezes.add(squeeze);
        }
        return Optional.of(new Selection(reader, axis, squeezes));
    }

    private static void rewrite(GraphEdit edit, Graph graph, Node transpose, long[] order, Selection selection) {
        Node reader = selection.reader();
        long source = order[selection.axis()];
        long[] rest = Arrays.stream(order)
                .filter(a -> a != source)
                .map(a -> a > source ? a - 1 : a)
                .toArray();
        boolean inOrder = true;
        for (int i = 0; i < rest.length; i++) {
            inOrder &= rest[i] == i;
        }
        Node moved = reader.withInput(0, transpose.input(0));
        if (reader.is("Slice")) {
            DataType type = graph.type(reader.input(1)).orElse(DataType.INT64);
            moved = moved.withInput(3, constant(edit, reader, type, source));
        } else {
            moved = moved.withAttribute(Attribute.of("axis", source));
        }
        if (selection.squeezes().isEmpty()) {
            put(edit, reader, moved, rest, inOrder);
            return;
        }
        List<String> parts = new ArrayList<>();
        for (Node squeeze : selection.squeezes()) {
            String part = edit.freshName(squeeze.input(0) + ".part");
            parts.add(part);
            put(
                    edit,
                    squeeze,
                    squeeze.withInputs(List.of(part, constant(edit, squeeze, DataType.INT64, source))),
                    rest,
                    inOrder);
        }
        edit.replace(reader, moved.withOutputs(parts));
    }

    /// Puts `moved` in place of `node`, and behind it the Transpose that is still needed.
    private static void put(GraphEdit edit, Node node, Node moved, long[] order, boolean inOrder) {
        if (inOrder) {
            edit.replace(node, moved);
            return;
        }
        String before = edit.freshName(node.output(0) + ".part");
        edit.replace(
                node,
                moved.withOutputs(List.of(before)),
                Node.of(
                        edit.freshName(node.label() + ".transpose"),
                        "Transpose",
                        List.of(before),
                        List.of(node.output(0)),
                        Attribute.ofInts("perm", order)));
    }

    private static String constant(GraphEdit edit, Node node, DataType type, long axis) {
        String name = edit.freshName(node.output(0) + ".axes");
        edit.put(Initializer.of(name, Numbers.integers(type, Shape.of(1), new long[] {axis})));
        return name;
    }
}
