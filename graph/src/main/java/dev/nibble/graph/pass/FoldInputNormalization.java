package dev.nibble.graph.pass;

import dev.nibble.graph.Attribute;
import dev.nibble.graph.DataType;
import dev.nibble.graph.GraphEdit;
import dev.nibble.graph.Initializer;
import dev.nibble.graph.Model;
import dev.nibble.graph.Node;
import dev.nibble.graph.Shape;
import dev.nibble.graph.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Folds `(x − mean) / std`, or any `s·x + t` per channel, between an input of the model and a convolution into the
/// convolution: `Conv(s·x + t, W) = Conv(x, s·W) + W∗t`.
///
/// Where the convolution pads, it pads the normalized picture with zeros, so `W∗t` is smaller at the border. That is
/// kept exactly in one of two ways: a channel of ones, padded with zeros like the others, whose weights are `Σ W·t`; or
/// a constant picture that is added behind and is zero but for the border.
public final class FoldInputNormalization implements Rewrite {
    /// A constant picture of more elements than this is not made.
    private static final long MOST_ELEMENTS = 16_000_000;

    /// What carries the shift where the convolution pads.
    public enum Border {
        CHANNEL_OF_ONES,
        CONSTANT_PICTURE
    }

    private final Border border;
    private final long mostElements;

    public FoldInputNormalization(Border border) {
        this(border, MOST_ELEMENTS);
    }

    /// @param mostElements of a constant picture; where it would have more, the place is left
    public FoldInputNormalization(Border border, long mostElements) {
        this.border = border;
        this.mostElements = Math.min(mostElements, MOST_ELEMENTS);
    }

    @Override
    public String name() {
        return "fold-input-normalization";
    }

    @Override
    public Found find(Model model) {
        View view = new View(model);
        List<Place> places = new ArrayList<>();
        List<PassResult.Skipped> skipped = new ArrayList<>();
        for (Node node : view.graph.nodes()) {
            if (!node.is("Conv")) {
                continue;
            }
            List<String> why = new ArrayList<>();
            Optional<InputChain> chain = chain(view, node, why);
            if (chain.isPresent() && why.isEmpty()) {
                List<String> labels = new ArrayList<>(
                        chain.get().nodes().stream().map(Node::label).toList());
                labels.add(node.label());
                String how = !pads(node) || !chain.get().shifts()
                        ? "weights and bias take it whole"
                        : border == Border.CHANNEL_OF_ONES
                                ? "a fourth channel of ones carries the shift through the padding"
                                : "a constant picture makes good for the padding";
                places.add(new Place(
                        node.output(0),
                        labels,
                        "input '%s' is normalized by %s before %s; %s"
                                .formatted(
                                        chain.get().input(),
                                        String.join(
                                                ", ",
                                                chain.get().nodes().stream()
                                                        .map(Node::opType)
                                                        .toList()),
                                        node,
                                        how)));
            }
            why.forEach(w -> skipped.add(new PassResult.Skipped(node.label(), w)));
        }
        return new Found(places, skipped);
    }

    private Optional<InputChain> chain(View view, Node conv, List<String> why) {
        Optional<Tensor> weight = view.constant(conv.input(1));
        if (weight.isEmpty() || !Numbers.isFloat(weight.get().type())) {
            return Optional.empty();
        }
        Shape shape = weight.get().shape();
        long groups = conv.intAttribute("group", 1);
        int channels = (int) (shape.dim(1) * groups);
        Optional<InputChain> chain = InputChain.endingIn(view, conv.input(0), conv, channels, why);
        if (chain.isEmpty()) {
            return chain;
        }
        if (conv.hasInput(2) && view.constant(conv.input(2)).isEmpty()) {
            why.add("the bias of %s is not a constant with data".formatted(conv));
        }
        if (!pads(conv) || !chain.get().shifts()) {
            return chain;
        }
        String auto = conv.stringAttribute("auto_pad", "NOTSET");
        Optional<Shape> x = view.graph.shape(conv.input(0));
        Optional<Shape> y = view.graph.shape(conv.output(0));
        if (border == Border.CHANNEL_OF_ONES) {
            if (groups != 1) {
                why.add("%s has %d groups, so no channel can be joined".formatted(conv, groups));
            } else if (x.isEmpty()) {
                why.add("the size of the picture is not fixed");
            }
        } else if (!auto.equals("NOTSET")) {
            why.add("%s pads by auto_pad %s".formatted(conv, auto));
        } else if (x.isEmpty() || y.isEmpty()) {
            why.add("the size of the picture is not fixed");
        } else if (y.get().elements() > mostElements) {
            why.add("the constant picture would have %d elements"
                    .formatted(y.get().elements()));
        }
        return chain;
    }

    private static boolean pads(Node conv) {
        String auto = conv.stringAttribute("auto_pad", "NOTSET");
        return Arrays.stream(conv.intsAttribute("pads")).anyMatch(p -> p != 0) || auto.startsWith("SAME");
    }

    @Override
    public Optional<Model> apply(Model model, String anchor) {
        View view = new View(model);
        List<String> why = new ArrayList<>();
        return view.maker(anchor, "Conv")
                .flatMap(conv ->
                        chain(view, conv, why).filter(c -> why.isEmpty()).map(c -> folded(view, conv, c)));
    }

    private Model folded(View view, Node conv, InputChain chain) {
        Tensor weight = view.constant(conv.input(1)).orElseThrow();
        Shape shape = weight.shape();
        int outputs = (int) shape.dim(0);
        int inputs = (int) shape.dim(1);
        int taps = (int) shape.product(2, shape.rank());
        int outputsPerGroup = outputs / (int) conv.intAttribute("group", 1);
        double[] values = Numbers.doubles(weight);
        double[] shifts = new double[outputs * taps];
        for (int o = 0; o < outputs; o++) {
            for (int i = 0; i < inputs; i++) {
                int channel = o / outputsPerGroup * inputs + i;
                for (int k = 0; k < taps; k++) {
                    int at = (o * inputs + i) * taps + k;
                    shifts[o * taps + k] += values[at] * chain.shift()[channel];
                    values[at] *= chain.scale()[channel];
                }
            }
        }
        double[] bias =
                conv.hasInput(2) ? Numbers.doubles(view.constant(conv.input(2)).orElseThrow()) : new double[outputs];
        boolean exactInBias = !pads(conv) || !chain.shifts();
        boolean ones = !exactInBias && border == Border.CHANNEL_OF_ONES;
        if (!ones) {
            for (int i = 0; i < shifts.length; i++) {
                bias[i / taps] += shifts[i];
            }
        }
        return view.model.withGraph(view.graph.edit(e -> {
            e.removeAll(chain.nodes());
            Node changed = conv.withInput(0, chain.input());
            Tensor folded = Numbers.tensor(weight.type(), shape, values);
            if (ones) {
                changed = withOnes(e, view, changed, chain.input(), weight, values, shifts);
            } else {
                changed = changed.withInput(1, FoldBatchNorm.putWeight(e, view, conv, 1, folded))
                        .withInput(2, FoldBatchNorm.putBias(e, view, conv, weight.type(), bias));
            }
            if (exactInBias || ones) {
                e.replace(conv, changed);
            } else {
                addBorder(e, view, conv, changed, weight, shifts);
            }
        }));
    }

    private static Node withOnes(
            GraphEdit e, View view, Node conv, String input, Tensor weight, double[] values, double[] shifts) {
        Shape shape = weight.shape();
        int inputs = (int) shape.dim(1);
        int taps = (int) shape.product(2, shape.rank());
        int outputs = (int) shape.dim(0);
        double[] wider = new double[outputs * (inputs + 1) * taps];
        for (int o = 0; o < outputs; o++) {
            System.arraycopy(values, o * inputs * taps, wider, o * (inputs + 1) * taps, inputs * taps);
            System.arraycopy(shifts, o * taps, wider, (o * (inputs + 1) + inputs) * taps, taps);
        }
        Shape picture = view.graph.shape(input).orElseThrow().with(1, 1);
        double[] one = new double[Math.toIntExact(picture.elements())];
        Arrays.fill(one, 1);
        String ones = e.freshName(input + ".ones");
        DataType type = view.graph.type(input).orElse(DataType.FLOAT);
        e.put(Initializer.of(ones, Numbers.tensor(type, picture, one)));
        String joined = e.freshName(input + ".with_ones");
        String label = e.freshName(conv.label() + ".ones");
        e.add(Node.of(label, "Concat", List.of(input, ones), List.of(joined), Attribute.of("axis", 1)));
        return conv.withInput(0, joined)
                .withInput(
                        1,
                        FoldBatchNorm.putWeight(
                                e, view, conv, 1, Numbers.tensor(weight.type(), shape.with(1, inputs + 1), wider)));
    }

    private static void addBorder(GraphEdit e, View view, Node conv, Node changed, Tensor weight, double[] shifts) {
        Shape out = view.graph.shape(conv.output(0)).orElseThrow();
        Shape in = view.graph.shape(conv.input(0)).orElseThrow();
        double[] picture = borders(conv, weight.shape(), in, out, shifts);
        String constant = e.freshName(conv.output(0) + ".border");
        e.put(Initializer.of(constant, Numbers.tensor(weight.type(), out.with(0, 1), picture)));
        String inner = e.freshName(conv.output(0) + ".inner");
        e.replace(
                conv,
                changed.withOutputs(List.of(inner)),
                Node.of(
                        e.freshName(conv.label() + ".border"),
                        "Add",
                        List.of(inner, constant),
                        List.of(conv.output(0))));
    }

    /// What the bias holds too much of at each place: the taps that fall on padding.
    private static double[] borders(Node conv, Shape weight, Shape in, Shape out, double[] shifts) {
        int axes = weight.rank() - 2;
        int outputs = (int) weight.dim(0);
        int taps = (int) weight.product(2, weight.rank());
        int places = Math.toIntExact(out.product(2, out.rank()));
        long[] strides = orOnes(conv.intsAttribute("strides"), axes);
        long[] dilations = orOnes(conv.intsAttribute("dilations"), axes);
        long[] pads = conv.intsAttribute("pads");
        double[] picture = new double[outputs * places];
        boolean[] missing = new boolean[taps];
        for (int place = 0; place < places; place++) {
            boolean any = false;
            for (int tap = 0; tap < taps; tap++) {
                int restPlace = place;
                int restTap = tap;
                boolean outside = false;
                for (int axis = axes - 1; axis >= 0; axis--) {
                    int size = (int) out.dim(axis + 2);
                    int kernel = (int) weight.dim(axis + 2);
                    long at = restPlace % size * strides[axis] + restTap % kernel * dilations[axis] - pads[axis];
                    outside |= at < 0 || at >= in.dim(axis + 2);
                    restPlace /= size;
                    restTap /= kernel;
                }
                missing[tap] = outside;
                any |= outside;
            }
            for (int o = 0; any && o < outputs; o++) {
                for (int tap = 0; tap < taps; tap++) {
                    picture[o * places + place] -= missing[tap] ? shifts[o * taps + tap] : 0;
                }
            }
        }
        return picture;
    }

    private static long[] orOnes(long[] given, int axes) {
        if (given.length > 0) {
            return given;
        }
        long[] ones = new long[axes];
        Arrays.fill(ones, 1);
        return ones;
    }
}
