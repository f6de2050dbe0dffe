package dev.nibble.graph.pass;

import dev.nibble.graph.DataType;
import dev.nibble.graph.Graph;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.Arrays;
import java.util.Optional;

/// Removes nodes that hand their input on unchanged: `y = x`.
///
/// Identity, Dropout at inference, Reshape and Expand to the shape that is there, Transpose in the given order, Cast to
/// the type that is there, Pad by nothing, Slice of everything, Concat or Sum of one, `x + 0`, `x − 0`, `x · 1`,
/// `x / 1` where the shape is kept. `x + 0` turns −0 into 0, which no float comparison tells apart.
///
/// Readers of `y` read `x`; where `y` is a graph output, the node that makes `x` takes over the name `y` instead.
public final class RemoveIdentity implements Pass {
    @Override
    public String name() {
        return "remove-identity";
    }

    @Override
    public String description() {
        return "remove nodes that hand their input on unchanged: Identity, Dropout, no-op Reshape, Cast, Add 0, ...";
    }

    @Override
    public PassResult apply(Model model) {
        Findings findings = new Findings();
        Model current = model;
        for (Node candidate : model.graph().nodes()) {
            // Renaming may have replaced the node; its outputs still find it.
            Optional<Node> now = candidate.outputs().isEmpty()
                    ? Optional.empty()
                    : current.graph().producer(candidate.output(0));
            if (now.isEmpty() || !now.get().opType().equals(candidate.opType())) {
                continue;
            }
            View view = new View(current);
            Optional<String> kept = handedOn(view, now.get());
            if (kept.isPresent()) {
                current = remove(view, now.get(), kept.get(), findings);
            }
        }
        return findings.result(current);
    }

    private static Model remove(View view, Node node, String from, Findings findings) {
        Graph graph = view.graph;
        String to = node.output(0);
        if (!graph.isOutput(to)) {
            findings.changed("removed %s: its output equals its input '%s'", node, from);
            findings.renamed(to, from);
            return view.model.withGraph(graph.edit(e -> e.remove(node).replaceUses(to, from)));
        }
        Optional<Node> producer = graph.producer(from);
        if (producer.isEmpty() || graph.isOutput(from)) {
            findings.skipped(
                    node,
                    "it only hands on '%s', but its output '%s' is a graph output and '%s' is %s",
                    from,
                    to,
                    from,
                    producer.isEmpty() ? "no node's" : "one too");
            return view.model;
        }
        findings.changed("removed %s: its output equals its input; %s now makes '%s'", node, producer.get(), to);
        findings.renamed(from, to);
        Node renamed = producer.get()
                .withOutputs(producer.get().outputs().stream()
                        .map(o -> o.equals(from) ? to : o)
                        .toList());
        return view.model.withGraph(
                graph.edit(e -> e.remove(node).replace(producer.get(), renamed).replaceUses(from, to)));
    }

    /// The input that `node` hands on, if that is all it does.
    private static Optional<String> handedOn(View view, Node node) {
        if (!node.isStandard() || node.outputs().stream().skip(1).anyMatch(o -> isRead(view, o))) {
            return Optional.empty();
        }
        String x = node.input(0);
        boolean same = switch (node.opType()) {
            case "Identity" -> true;
            case "Dropout" -> isInference(view, node);
            case "Reshape", "Expand", "Flatten" -> keepsShape(view, node);
            case "Transpose" -> isInOrder(view, node);
            case "Cast" -> keepsType(view, node);
            case "Pad" -> padsNothing(view, node);
            case "Slice" -> takesAll(view, node);
            case "Concat", "Sum", "Max", "Min", "Mean" -> node.inputs().size() == 1;
            case "Add", "Sub" -> isNeutral(view, node, 0);
            case "Mul", "Div" -> isNeutral(view, node, 1);
            default -> false;
        };
        if (same) {
            return Optional.of(x);
        }
        boolean commutes = node.isAny("Add", "Mul");
        return commutes && isNeutral(view, node.withInputs(node.inputs().reversed()), node.is("Add") ? 0 : 1)
                ? Optional.of(node.input(1))
                : Optional.empty();
    }

    private static boolean isRead(View view, String value) {
        return !value.isEmpty()
                && (view.graph.isOutput(value) || !view.graph.consumers(value).isEmpty());
    }

    private static boolean isInference(View view, Node dropout) {
        if (dropout.hasInput(2)) {
            return view.constant(dropout.input(2))
                    .filter(t -> t.elements() == 1 && t.longAt(0) == 0)
                    .isPresent();
        }
        return view.model.opset() >= 7 || dropout.intAttribute("is_test", 0) != 0;
    }

    private static boolean keepsShape(View view, Node node) {
        Optional<Shape> before = view.graph.shape(node.input(0));
        if (before.isEmpty()) {
            return false;
        }
        Optional<Shape> after = view.graph.shape(node.output(0));
        if (after.isPresent()
                && view.graph.isOutput(node.output(0))
                && !view.graph.shape(node.input(0)).equals(after)) {
            return false;
        }
        if (node.is("Flatten")) {
            long axis = node.intAttribute("axis", 1);
            return before.get().rank() == 2 && (axis == 1 || axis == -1);
        }
        Optional<long[]> wanted = view.longs(node.input(1));
        if (wanted.isEmpty()) {
            return false;
        }
        long[] dims = wanted.get();
        if (node.is("Expand")) {
            // Broadcast: a 1 in the wanted shape keeps what is there, and no axis may be added.
            int skip = before.get().rank() - dims.length;
            for (int i = 0; i < dims.length; i++) {
                if (skip < 0 || dims[i] != 1 && dims[i] != before.get().dim(skip + i)) {
                    return false;
                }
            }
            return true;
        }
        if (dims.length != before.get().rank()) {
            return false;
        }
        boolean zeroCopies = node.intAttribute("allowzero", 0) == 0;
        int open = 0;
        for (int i = 0; i < dims.length; i++) {
            boolean same = dims[i] == before.get().dim(i) || dims[i] == 0 && zeroCopies;
            if (dims[i] == -1) {
                open++;
            } else if (!same) {
                return false;
            }
        }
        return open <= 1 && (open == 0 || before.get().elements() > 0);
    }

    private static boolean isInOrder(View view, Node transpose) {
        long[] order = transpose.intsAttribute("perm");
        if (order.length == 0) {
            return view.rank(transpose.input(0)).orElse(2) <= 1;
        }
        for (int i = 0; i < order.length; i++) {
            if (order[i] != i) {
                return false;
            }
        }
        return true;
    }

    private static boolean keepsType(View view, Node cast) {
        Optional<DataType> before = view.graph.type(cast.input(0));
        return before.isPresent() && before.get().code() == cast.intAttribute("to", 0);
    }

    private static boolean padsNothing(View view, Node pad) {
        Optional<long[]> pads = pad.hasInput(1)
                ? view.longs(pad.input(1))
                : Optional.of(pad.intsAttribute("pads")).filter(p -> p.length > 0);
        return pads.isPresent() && Arrays.stream(pads.get()).allMatch(p -> p == 0);
    }

    private static boolean takesAll(View view, Node slice) {
        boolean attributes = slice.inputs().size() == 1;
        Optional<long[]> starts = attributes ? Optional.of(slice.intsAttribute("starts")) : view.longs(slice.input(1));
        Optional<long[]> ends = attributes ? Optional.of(slice.intsAttribute("ends")) : view.longs(slice.input(2));
        Optional<long[]> steps = slice.hasInput(4) ? view.longs(slice.input(4)) : Optional.of(new long[0]);
        Optional<long[]> axes = attributes
                ? Optional.of(slice.intsAttribute("axes"))
                : slice.hasInput(3) ? view.longs(slice.input(3)) : Optional.of(new long[0]);
        if (starts.isEmpty() || ends.isEmpty() || steps.isEmpty() || axes.isEmpty()) {
            return false;
        }
        Optional<Shape> shape = view.graph.shape(slice.input(0));
        for (int i = 0; i < starts.get().length; i++) {
            int axis = axes.get().length > i ? (int) axes.get()[i] : i;
            // INT32_MAX and above is how exporters write "to the end", whatever the size.
            boolean toEnd = ends.get()[i] >= Integer.MAX_VALUE
                    || shape.isPresent() && ends.get()[i] >= shape.get().dim(axis);
            if (starts.get()[i] != 0 || !toEnd || steps.get().length > i && steps.get()[i] != 1) {
                return false;
            }
        }
        return true;
    }

    /// Whether input 1 is exactly `neutral` everywhere, and broadcasting it changes neither shape nor type of input 0.
    private static boolean isNeutral(View view, Node node, double neutral) {
        if (node.inputs().size() != 2 || node.attribute("broadcast").isPresent()) {
            return false;
        }
        Optional<Tensor> constant = view.constant(node.input(1));
        if (constant.isEmpty()
                || !Numbers.readable(constant.get().type())
                || constant.get().elements() == 0) {
            return false;
        }
        Shape small = constant.get().shape();
        Optional<Shape> large = view.graph.shape(node.input(0));
        if (large.isPresent()) {
            int skip = large.get().rank() - small.rank();
            for (int i = 0; i < small.rank(); i++) {
                if (skip < 0 || small.dim(i) != 1 && small.dim(i) != large.get().dim(skip + i)) {
                    return false;
                }
            }
        } else if (constant.get().elements() != 1
                || small.rank() > view.rank(node.input(0)).orElse(0)) {
            return false;
        }
        for (long i = 0; i < constant.get().elements(); i++) {
            if (Numbers.at(constant.get(), i) != neutral) {
                return false;
            }
        }
        return true;
    }
}
