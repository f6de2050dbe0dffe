package dev.nibble.graph.pass;

import dev.nibble.graph.DataType;
import dev.nibble.graph.GraphEdit;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import dev.nibble.graph.ValueInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Widens the parts of a Concat of channels to multiples of 32 by channels of zeros, where convolutions make the parts
/// and read the result: parts of whole blocks need not be copied. The readers' weights for the new channels are zero.
public final class WidenChannels implements Rewrite {
    private static final int BLOCK = 32;

    @Override
    public String name() {
        return "widen-channels";
    }

    /// @param convs what makes each part, perhaps with a Relu behind
    private record Joint(String concat, List<Node> convs, List<Node> readers) {}

    @Override
    public Found find(Model model) {
        View view = new View(model);
        List<Place> places = new ArrayList<>();
        List<PassResult.Skipped> skipped = new ArrayList<>();
        for (Node node : view.graph.nodes()) {
            joint(view, node)
                    .ifPresent(j -> places.add(new Place(
                            node.output(0),
                            j.convs().stream().map(Node::label).toList(),
                            "%s joins parts of %s channels, which are no blocks of %d"
                                    .formatted(
                                            node,
                                            String.join(
                                                    " + ",
                                                    j.convs().stream()
                                                            .map(c -> String.valueOf(channels(view, c)))
                                                            .toList()),
                                            BLOCK))));
            if (node.is("Conv") && node.intAttribute("group", 1) == 1) {
                long channels = channels(view, node);
                if (channels > 0 && channels < BLOCK) {
                    skipped.add(PassResult.Skipped.of(
                            node,
                            "a layer of few channels gains nothing by zeros: the matrix unit rounds them up to %d itself"
                                    .formatted(BLOCK)));
                }
            }
        }
        return new Found(places, skipped);
    }

    private static long channels(View view, Node conv) {
        return view.stored(conv.input(1)).map(w -> w.shape().dim(0)).orElse(0L);
    }

    private static boolean isPlain(View view, Node conv) {
        return conv.is("Conv")
                && conv.intAttribute("group", 1) == 1
                && FoldBatchNorm.obstacleInWeights(view, conv).isEmpty();
    }

    private static Optional<Joint> joint(View view, Node concat) {
        if (!concat.is("Concat") || concat.intAttribute("axis", 0) != 1 || view.graph.isOutput(concat.output(0))) {
            return Optional.empty();
        }
        List<Node> readers = view.graph.consumers(concat.output(0));
        if (readers.isEmpty()
                || !readers.stream()
                        .allMatch(r -> isPlain(view, r) && r.input(0).equals(concat.output(0)))) {
            return Optional.empty();
        }
        List<Node> convs = new ArrayList<>();
        boolean uneven = false;
        for (String part : concat.inputs()) {
            Optional<Node> maker = view.maker(part, "Conv", "Relu").filter(m -> view.onlyReadBy(part, concat));
            Optional<Node> conv = maker.filter(m -> m.is("Relu"))
                    .flatMap(r -> view.maker(r.input(0), "Conv").filter(c -> view.onlyReadBy(c.output(0), r)))
                    .or(() -> maker.filter(m -> m.is("Conv")));
            if (conv.isEmpty() || !isPlain(view, conv.get()) || convs.contains(conv.get())) {
                return Optional.empty();
            }
            convs.add(conv.get());
            uneven |= channels(view, conv.get()) % BLOCK != 0;
        }
        return uneven ? Optional.of(new Joint(concat.output(0), convs, readers)) : Optional.empty();
    }

    @Override
    public Optional<Model> apply(Model model, String anchor) {
        View view = new View(model);
        return view.maker(anchor, "Concat").flatMap(c -> joint(view, c)).map(j -> widened(view, j));
    }

    private static Model widened(View view, Joint joint) {
        List<Integer> parts =
                joint.convs().stream().map(c -> (int) channels(view, c)).toList();
        return view.model.withGraph(view.graph.edit(e -> {
            for (Node conv : joint.convs()) {
                Tensor weight = view.constant(conv.input(1)).orElseThrow();
                int wide = up((int) weight.shape().dim(0));
                Node changed = conv.withInput(
                        1,
                        FoldBatchNorm.putWeight(
                                e, view, conv, 1, longer(weight, weight.shape().with(0, wide))));
                if (conv.hasInput(2)) {
                    Tensor bias = view.constant(conv.input(2)).orElseThrow();
                    changed = changed.withInput(
                            2, FoldBatchNorm.putWeight(e, view, conv, 2, longer(bias, Shape.of(wide))));
                }
                e.replace(conv, changed);
                redeclare(e, view, conv.output(0), wide);
                view.graph.consumers(conv.output(0)).stream()
                        .filter(n -> n.is("Relu"))
                        .forEach(r -> redeclare(e, view, r.output(0), wide));
            }
            redeclare(
                    e,
                    view,
                    joint.concat(),
                    parts.stream().mapToInt(WidenChannels::up).sum());
            for (Node reader : joint.readers()) {
                Tensor weight = view.constant(reader.input(1)).orElseThrow();
                e.replace(
                        reader,
                        reader.withInput(1, FoldBatchNorm.putWeight(e, view, reader, 1, spread(weight, parts))));
            }
        }));
    }

    private static void redeclare(GraphEdit e, View view, String value, int channels) {
        Optional<Shape> shape = view.graph.shape(value);
        Optional<DataType> type = view.graph.type(value);
        if (shape.isPresent() && type.isPresent()) {
            e.declare(ValueInfo.of(value, type.get(), shape.get().with(1, channels)));
        }
    }

    private static int up(int channels) {
        return Math.ceilDiv(channels, BLOCK) * BLOCK;
    }

    /// `tensor` with zeros behind, along the first axis.
    private static Tensor longer(Tensor tensor, Shape shape) {
        double[] values = Numbers.doubles(tensor);
        return Numbers.tensor(tensor.type(), shape, java.util.Arrays.copyOf(values, Math.toIntExact(shape.elements())));
    }

    /// A reader's weights with zeros for the new channels.
    private static Tensor spread(Tensor weight, List<Integer> parts) {
        Shape shape = weight.shape();
        int taps = (int) shape.product(2, shape.rank());
        int wide = parts.stream().mapToInt(WidenChannels::up).sum();
        int inputs = (int) shape.dim(1);
        double[] values = Numbers.doubles(weight);
        double[] wider = new double[(int) shape.dim(0) * wide * taps];
        for (int o = 0; o < shape.dim(0); o++) {
            int from = o * inputs * taps;
            int to = o * wide * taps;
            for (int part : parts) {
                System.arraycopy(values, from, wider, to, part * taps);
                from += part * taps;
                to += up(part) * taps;
            }
        }
        return Numbers.tensor(weight.type(), shape.with(1, wide), wider);
    }
}
