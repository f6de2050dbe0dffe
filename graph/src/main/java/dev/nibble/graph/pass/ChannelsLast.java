package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.Dim;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import dev.nibble.graph.ValueType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Makes an input or output of rank 4 that lies channels first (NCHW) lie channels last (NHWC), with a Transpose behind
/// or before it, which a Transpose that is there already takes in. What is fed, or comes out, changes its shape and
/// keeps its name, so this is nothing to do unasked. Videos, of rank 5, stay: Qualcomm's compiler expects to be slower
/// with them that way.
///
/// The Transpose moves behind additions and multiplications by constants, which then stand on the picture as it is fed.
public final class ChannelsLast implements Rewrite {
    private static final long[] TO_LAST = {0, 2, 3, 1};
    private static final long[] TO_FIRST = {0, 3, 1, 2};

    @Override
    public String name() {
        return "channels-last";
    }

    @Override
    public Found find(Model model) {
        View view = new View(model);
        List<Place> places = new ArrayList<>();
        List<PassResult.Skipped> skipped = new ArrayList<>();
        for (ValueInfo feed : view.graph.feeds()) {
            List<Node> readers = view.graph.consumers(feed.name());
            if (!isPicture(feed) || readers.isEmpty()) {
                continue;
            }
            if (isLast(view, feed.name())) {
                skipped.add(new PassResult.Skipped(
                        feed.name(), "it lies channels last already: %s turns it".formatted(readers.getFirst())));
            } else {
                places.add(new Place(
                        feed.name(),
                        readers.stream().map(Node::label).toList(),
                        "input '%s' is %s, channels first".formatted(feed.name(), feed.type())));
            }
        }
        for (ValueInfo output : view.graph.outputs()) {
            Optional<Node> maker = view.graph.producer(output.name());
            if (!isPicture(output) || maker.isEmpty()) {
                continue;
            }
            if (maker.get().is("Transpose") && Arrays.equals(maker.get().intsAttribute("perm"), TO_LAST)) {
                skipped.add(new PassResult.Skipped(
                        output.name(), "it lies channels last already: %s turns it".formatted(maker.get())));
            } else {
                places.add(new Place(
                        output.name(),
                        List.of(maker.get().label()),
                        "output '%s' is %s, channels first".formatted(output.name(), output.type())));
            }
        }
        return new Found(places, skipped);
    }

    /// Whether every reader of input `name` turns it from NHWC to NCHW first.
    private static boolean isLast(View view, String name) {
        List<Node> readers = view.graph.consumers(name);
        return readers.stream().allMatch(n -> n.is("Transpose") && Arrays.equals(n.intsAttribute("perm"), TO_FIRST));
    }

    private static boolean isPicture(ValueInfo value) {
        return value.tensorType()
                .filter(t -> t.dims() != null
                        && t.dims().size() == 4
                        && t.elementType().map(Numbers::isFloat).orElse(false))
                .isPresent();
    }

    @Override
    public Optional<Model> apply(Model model, String anchor) {
        View view = new View(model);
        Optional<ValueInfo> feed = view.graph.feeds().stream()
                .filter(f -> f.name().equals(anchor) && isPicture(f) && !isLast(view, anchor))
                .findFirst();
        if (feed.isPresent()) {
            return Optional.of(input(view, feed.get()));
        }
        return view.graph.outputs().stream()
                .filter(o -> o.name().equals(anchor) && isPicture(o))
                .findFirst()
                .flatMap(o -> view.graph.producer(anchor).map(maker -> output(view, o, maker)));
    }

    private static ValueInfo turned(ValueInfo value) {
        ValueType.TensorType type = value.tensorType().orElseThrow();
        List<Dim> dims = type.dims();
        List<Dim> changed = new ArrayList<>();
        for (long axis : TO_LAST) {
            changed.add(dims == null ? new Dim.Known(1) : dims.get((int) axis));
        }
        return value.withType(new ValueType.TensorType(type.elementCode(), changed, null));
    }

    private static Model input(View view, ValueInfo feed) {
        List<Node> chain = chain(view, feed.name());
        return view.model.withGraph(view.graph.edit(e -> {
            String at = feed.name();
            String original = feed.name();
            for (Node node : chain) {
                int side = node.input(0).equals(original) ? 0 : 1;
                original = node.output(0);
                Tensor constant = view.constant(node.input(1 - side)).orElseThrow();
                String turned = e.freshName(node.input(1 - side) + ".last");
                e.put(Initializer.of(turned, last(constant)));
                String out = e.freshName(node.output(0) + ".last");
                e.replace(
                        node,
                        node.withInput(side, at).withInput(1 - side, turned).withOutputs(List.of(out)));
                at = out;
            }
            String first = chain.isEmpty() ? feed.name() : chain.getLast().output(0);
            String turned = chain.isEmpty() ? e.freshName(first + ".first") : first;
            if (chain.isEmpty()) {
                e.replaceUses(first, turned);
            }
            e.add(Node.of(
                    e.freshName(feed.name() + ".to_first"),
                    "Transpose",
                    List.of(at),
                    List.of(turned),
                    Attribute.ofInts("perm", TO_FIRST)));
            e.setInputs(view.graph.inputs().stream()
                    .map(i -> i.name().equals(feed.name()) ? turned(i) : i)
                    .toList());
        }));
    }

    /// Additions and multiplications by constants per channel or of one number, behind `value`.
    private static List<Node> chain(View view, String value) {
        List<Node> chain = new ArrayList<>();
        String at = value;
        while (true) {
            List<Node> readers = view.graph.consumers(at);
            if (readers.size() != 1
                    || view.graph.isOutput(at)
                    || !readers.getFirst().isAny("Add", "Sub", "Mul", "Div")) {
                return chain;
            }
            Node node = readers.getFirst();
            int side = node.input(0).equals(at) ? 0 : 1;
            Optional<Tensor> constant = view.constant(node.input(1 - side));
            boolean plain = constant.filter(c -> c.shape().rank() == 4
                                    && c.shape().elements() == c.shape().dim(1)
                            || c.elements() == 1 && c.shape().rank() <= 4)
                    .isPresent();
            if (!plain || view.graph.isOutput(node.output(0))) {
                return chain;
            }
            chain.add(node);
            at = node.output(0);
        }
    }

    private static Tensor last(Tensor constant) {
        return constant.elements() == 1
                ? constant
                : new Tensor(constant.type(), Shape.of(1, 1, 1, constant.elements()), constant.data());
    }

    private static Model output(View view, ValueInfo output, Node maker) {
        return view.model.withGraph(view.graph.edit(e -> {
            String before = e.freshName(output.name() + ".first");
            e.replace(
                    maker,
                    maker.withOutputs(maker.outputs().stream()
                            .map(o -> o.equals(output.name()) ? before : o)
                            .toList()));
            e.replaceUses(output.name(), before);
            e.add(Node.of(
                    e.freshName(output.name() + ".to_last"),
                    "Transpose",
                    List.of(before),
                    List.of(output.name()),
                    Attribute.ofInts("perm", TO_LAST)));
            e.setOutputs(view.graph.outputs().stream()
                    .map(o -> o.name().equals(output.name()) ? turned(o) : o)
                    .toList());
        }));
    }
}
